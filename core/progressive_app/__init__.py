"""The program around the core: settings, files, machine, processes, resume."""
