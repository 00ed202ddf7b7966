"""Custom actions, one per module. Pure: the tracker and the turn's context in, events, response names and
commands out. No sentence for people stands here and nothing is stored; the worker applies the commands.
"""
