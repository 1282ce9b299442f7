"""Layouts in which sets of labelled micrographs are published or kept, each opened without reading its pixels."""
