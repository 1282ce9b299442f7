"""Particles from support: the U-Net and the methods it is compared with."""
