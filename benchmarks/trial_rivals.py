"""Effects of single customers by EconML and CausalML, in an interpreter of their own: see `bench_trials.py`.

``python trial_rivals.py FILE.npz OUT.npz``: the file holds x (customer, column), arm (0: control), y and
x_new; out comes one array per method that installs, shape (new customer, arm above 0). Settings are the
packages' own, but for trees of 50 customers a leaf and, in the forest, 200 trees.
"""

import sys

import numpy as np

LEAF, TREES = 50, 200


def boosted():
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(min_samples_leaf=LEAF, random_state=0)


def causal_forest(x, arm, y, x_new):
    """EconML's causal forest (Athey, Tibshirani & Wager 2019; Chernozhukov et al. 2018)."""
    from econml.dml import CausalForestDML
    from sklearn.dummy import DummyClassifier

    model = CausalForestDML(
        model_y=boosted(), model_t=DummyClassifier(), discrete_treatment=True, n_estimators=TREES,
        min_samples_leaf=LEAF, random_state=0, n_jobs=1,
    )  # fmt: skip
    model.fit(y, arm, X=x)
    return np.column_stack([model.effect(x_new, T0=0, T1=k) for k in range(1, int(arm.max()) + 1)])


def x_learner(x, arm, y, x_new):
    """CausalML's X-learner (Künzel et al. 2019)."""
    from causalml.inference.meta import BaseXRegressor

    model = BaseXRegressor(boosted(), control_name=0)
    share = {k: np.full(len(x), (arm == k).sum() / np.isin(arm, [0, k]).sum()) for k in np.unique(arm)[1:]}
    model.fit(x, arm, y, p=share)
    new = {k: np.full(len(x_new), each[0]) for k, each in share.items()}
    return model.predict(x_new, p=new)


METHODS = {"causal forest, EconML": causal_forest, "X-learner, CausalML": x_learner}


def main():
    given = np.load(sys.argv[1])
    found = {}
    for name, method in METHODS.items():
        try:
            found[name] = method(given["x"], given["arm"], given["y"], given["x_new"])
        except ImportError as missing:
            print(f"{name}: {missing}", file=sys.stderr)
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
