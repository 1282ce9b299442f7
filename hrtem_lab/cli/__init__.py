"""The front door: command line, help, and mistakes in one line. The one subpackage that knows Hydra."""
