"""Train AtomAI's Segmentor on the arrays by its defaults (U-Net, cross-entropy, Adam, 1e-3), in batches of eight.

    peers/bin/python experiments/peers/atomai_segmentor.py outputs/peers --masks outputs/peers/atomai > atomai.csv

Run it in the environment of `requirements.txt`. The threshold is the best one on the validation images. Its own check
of a test batch after every step is left out, which would cost it time.
"""

import atomai
import numpy as np
import torch
from arrays import Curve, arguments, load, write_masks

BATCH = 8


def main() -> None:
    """Train, validate every few steps, and write masks."""
    given = arguments(__doc__)
    images, masks = load(given.folder, "train")
    pairs = images[:, None], masks[:, None].astype(np.float32)
    model = atomai.models.Segmentor("Unet", nb_classes=1, seed=given.seed)
    check = [array[:BATCH] for array in pairs]
    model.compile_trainer((*pairs, *check), training_cycles=given.steps, batch_size=BATCH, batch_seed=given.seed)

    def predict(stack: np.ndarray) -> np.ndarray:
        model.net.eval()
        with torch.inference_mode():
            logits = [model.net(torch.from_numpy(image[None, None])) for image in stack]
        return torch.cat(logits)[:, 0].sigmoid().numpy()

    curve = Curve(given.folder, predict)
    for step, batch in enumerate(model.batch_idx_train, start=1):
        model.train_step(*model.dataloader(batch, mode="train"))
        if step % given.every == 0 and curve.note(step) >= given.target:
            break
    if given.masks:
        write_masks(given.masks, given.folder, predict, curve.best[1])


if __name__ == "__main__":
    main()
