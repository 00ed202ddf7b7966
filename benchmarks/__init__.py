"""Measurements that `make bench` prints. They judge nothing; docs/architecture.md names what we aim for."""
