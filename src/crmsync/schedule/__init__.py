"""What is due when, and who runs it. Here: one process with APScheduler; the work itself is `sync.pipeline`."""
