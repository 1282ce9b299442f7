"""Segmentation of particles: the network, its training, and the classical methods it is compared with."""
