"""The rows of notebook 07 on the validation photos; writes val_summary.csv, val_paired.csv.

    python results/flickr8k-200/validate.py results/flickr8k-cpu imagenet

The second argument says where Xception's weights come from, see `lib.models.load_xception`.
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lib.study.colab import prepare  # noqa: E402

prepare()  # keeps memory, before TensorFlow is loaded

from lib import baselines, evaluate, intervals, kid, models, train  # noqa: E402
from lib.data import preprocess  # noqa: E402
from lib.files import read_json  # noqa: E402

SEED = 1
folder = ROOT / sys.argv[1]
train.prepare_device(SEED)
photos = preprocess.load(ROOT / read_json(folder / "data.json")["folder"])
rows = photos.rows("val")
networks, _ = evaluate.networks(photos, folder)
simple = baselines.predictors(photos, rows, SEED)
predictors = {name: simple[name] for name in ("mean_ab", "l_lookup")} | networks
measured = evaluate.measure(photos, rows, predictors, len(rows))
features = kid.features(models.load_xception(sys.argv[2]), measured.examples)
color = intervals.ratio_to_truth(measured.table, seed=SEED)
summary = intervals.summarize(measured.table, SEED).merge(color).merge(kid.table(features, SEED))
summary.round(4).to_csv(Path(__file__).with_name("val_summary.csv"), index=False)
pairs = [(name, other) for name in networks for other in ("cnn", "l_lookup") if name != other]
paired = [
    {"model": name, "reference": other, "measure": measure}
    | intervals.paired_difference(measured.table, measure, name, other, SEED)
    for name, other in pairs
    for measure in ("rmse_ab", "auc_rebalanced")
]
pd.DataFrame(paired).round(4).to_csv(Path(__file__).with_name("val_paired.csv"), index=False)
