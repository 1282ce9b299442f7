"""The HTTP service on this computer: a page for people, and POST for programs.

Files are analysed in child processes, so that one that hangs or dies costs one request. Nothing leaves the computer.
"""
