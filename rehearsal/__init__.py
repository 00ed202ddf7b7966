"""Scripted people who write to a whole helpline on this machine, so that its answers are seen before real people do."""
