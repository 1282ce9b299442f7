"""Other processes: children with limits of time and memory on this machine, and the workers of a Dask cluster."""
