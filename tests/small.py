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
TRAINING = [
    "data.library.count=10",
    *SPECIMENS,
    "specimen.max_particles=1",
    "data.validation=5",
    "data.test=3",
    "data.samples=4",
    "data.batch_size=2",
    "data.workers=0",
    "data.window_nm=6",
    "model.net.decoder_channels=[8,8,8,8]",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "forest.classifier.n_estimators=8",
    "references.groschner2021.recipe.classifier.n_estimators=8",
    "forest.folds=2",
    "views=3",
    "folds=2",
]
"""A whole training."""
