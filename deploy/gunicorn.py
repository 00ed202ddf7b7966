"""How `web` and `console` are served. Threads, because open live-update streams wait without working."""

worker_class = "gthread"
timeout = 30
graceful_timeout = 3
keepalive = 5
limit_request_line = 4094
limit_request_fields = 60
accesslog = None  # addresses and paths of people are not ours to keep
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
