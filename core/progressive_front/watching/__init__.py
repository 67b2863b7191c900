"""What a program or a person at the command line sees of a training, beside the console."""
