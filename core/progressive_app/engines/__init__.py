"""Tasks, and the engines that run them: in this process, in others of this machine, on a cluster."""
