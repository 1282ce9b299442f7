"""From a micrograph to its analysis: found, measured and classified; and from many files to one result.

It computes, without Hydra, MLflow and matplotlib; what writes files and pictures is handed to it.
"""
