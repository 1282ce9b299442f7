"""Settings under which a pipeline runs in seconds."""

SPECIMENS = (
    "data.library.gpts=192",
    "data.library.workers=0",
    "specimen.field_nm=7",
    "specimen.diameter_nm=[2.0,4.0]",
    "specimen.film_nm=[1.0,2.0]",
    "specimen.empty=0.0",
    "specimen.graphitic=0.0",
)
"""Fields with a few small particles, none of them bare."""
