"""The pool: an online mixture that weights the experts by how well each has predicted.

Its members, and the final mixture over them:

- Bayesian with forgetting and share: `w_e <- w_e^a p_e(y)`, normalised, then
  `w_e <- (1 - s) w_e + s/E`, at three pairs (a, s);
- a logarithmic pool `p = softmax(sum_e theta_e log p_e)`, `theta >= 0`, by AdaGrad on the log loss,
  and a second one whose thetas start from stacking leave-one-out predictions;
- the final mixture over these by the first rule.

References:
    Herbster & Warmuth (1998), Tracking the best expert, Machine Learning 32.
    Raftery, Karny & Ettler (2010), Online prediction under model uncertainty, Technometrics 52.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import State
from quickstudy.types import Floats

FORGETTING = np.array([0.9995, 0.995, 0.98])
SHARE = np.array([0.0001, 0.001, 0.01])
FINAL_FORGETTING, FINAL_SHARE = 0.998, 0.002
LEAST_LOG = np.log(1e-5)  # log pools clip the votes of experts below this
THETA_SUM = 1.5  # first sum of the thetas; above 1, as an average of experts is underconfident
RATE = 0.06  # AdaGrad step of the thetas
BAYES = len(FORGETTING)
MEMBERS = BAYES + 3  # Bayesian, log pool, their middle, stacked log pool
STACK_HALF = 100.0  # left-out votes at which the stacked pool gets a quarter of the final weight
STACK_PRIOR = 20.0  # strength of the prior of stacked thetas around the best equal thetas
EVEN_TOTALS = np.geomspace(0.25, 4.0, 17)  # sums of equal thetas that are tried


class Pool:
    """Mixture over `experts` distributions. All methods take log-probabilities (E, n, K).

    >>> pool = Pool(2)
    >>> votes = np.log(np.array([[[0.9, 0.1]] * 50, [[0.5, 0.5]] * 50]))
    >>> _ = pool.learn(votes, np.zeros(50, np.int64))
    >>> bool(pool.predict(votes[:, :1])[0][0, 0] > 0.85)
    True
    """

    def __init__(self, experts: int, *, fading: Sequence[bool] = ()) -> None:
        self._fading = np.array(fading or [False] * experts)
        self._weights = np.full((BAYES, experts), 1.0 / experts)
        self._theta = np.full((2, experts), THETA_SUM / experts)
        self._squares = np.ones((2, experts))
        self._final = np.full(MEMBERS, 1.0 / MEMBERS)

    @property
    def weights(self) -> Floats:
        """Present weight of each expert, shape (E,); they add up to 1."""
        thetas = self._theta / np.maximum(self._theta.sum(1, keepdims=True), 1e-300)
        middle = (self._weights[2] + thetas[0]) / 2.0
        members = np.vstack([self._weights, thetas[0], middle, thetas[1]])
        return np.asarray(self._final @ members)

    def predict(self, votes: Floats) -> tuple[Floats, Floats]:
        """Pooled probabilities (n, K), and those of the members (M, n, K)."""
        return self._run(votes, np.full(votes.shape[1], -1), None, None)

    def learn(
        self,
        votes: Floats,
        y: NDArray[np.int64],
        members: Floats | None = None,
        *,
        evidence: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Learn the labels `y` of n rows; returns what `predict` gave for each row before.

        Args:
            votes: log-probabilities of the experts, shape (E, n, K).
            y: label indices, shape (n,).
            members: probabilities of the members at the time of an earlier prediction, shape
                (M, n, K); the members are then scored on these.
            evidence: number of examples each row counts for (n,). A row that counts for less than
                one is in a run of one label: fading experts may lose weight by it, but not gain.
        """
        return self._run(votes, y, members, evidence)

    def _run(
        self,
        votes: Floats,
        y: NDArray[np.int64],
        earlier: Floats | None,
        evidence: Floats | None,
    ) -> tuple[Floats, Floats]:
        out = np.empty(votes.shape[1:])
        members = np.empty((MEMBERS, *votes.shape[1:]))
        judged = members if earlier is None else earlier
        counts = np.ones(len(y)) if evidence is None else evidence
        state = (self._weights, self._theta, self._squares, self._final)
        _run(votes, y, counts, self._fading, *state, members, judged, out)
        return out, members

    def regrade(self, votes: Floats, which: list[int], y: NDArray[np.int64]) -> None:
        """Weight the experts `which` by left-out votes (E', n, K) alone.

        The other experts get an equal share.
        """
        graded = Pool(len(which))
        graded.learn(votes, y)
        experts = self._weights.shape[1]
        self._weights[:] = 1.0 / experts
        self._weights[:, which] = graded._weights * (len(which) / experts)
        self._theta[0, which] = graded._theta[0]
        self._squares[0, which] = graded._squares[0]
        self._final = graded._final

    def stack(self, votes: Floats, which: list[int], y: NDArray[np.int64]) -> Floats:
        """Fit the second log pool to left-out votes (E', n, K) of the experts `which`.

        It gets up to half of the final weight, increasing with the number of votes: left-out votes
        describe the experts after relearning, the other weights describe them before. Returns its
        probabilities for the votes (n, K).
        """
        votes = np.maximum(votes, LEAST_LOG)
        theta = _stacked(votes, y)
        self._theta[1] = 0.0
        self._theta[1, which] = theta
        self._squares[1] = 1.0 + len(y)
        share = 0.5 * len(y) / (len(y) + STACK_HALF)
        self._final *= 1.0 - share
        self._final[-1] += share
        out = np.empty(votes.shape[1:])
        for i in range(len(y)):
            _log_pool(votes, i, theta, out[i])
        return out

    def state(self) -> State:
        return {
            "weights": self._weights,
            "theta": self._theta,
            "squares": self._squares,
            "final": self._final,
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())


def _stacked(votes: Floats, y: NDArray[np.int64]) -> Floats:
    """Thetas with the least log loss on the votes, with a prior around the best equal thetas."""
    from scipy.optimize import minimize

    experts = len(votes)
    even = [np.full(experts, total / experts) for total in EVEN_TOTALS]
    start = min(even, key=lambda theta: _stack_loss(votes, y, theta)[0])

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, gradient = _stack_loss(votes, y, theta)
        gap = theta - start
        return value + STACK_PRIOR * float(gap @ gap), gradient + 2.0 * STACK_PRIOR * gap

    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 5.0)] * experts,
        options={"maxiter": 50},
    )
    return np.asarray(found.x)


@njit(cache=True, nogil=True)
def _stack_loss(votes, y, theta):  # type: ignore[no-untyped-def]
    experts, n, labels = votes.shape
    loss = 0.0
    gradient = np.zeros(experts)
    p = np.empty(labels)
    for i in range(n):
        top = -np.inf
        for c in range(labels):
            p[c] = 0.0
            for e in range(experts):
                p[c] += theta[e] * votes[e, i, c]
            top = max(top, p[c])
        total = 0.0
        for c in range(labels):
            p[c] = np.exp(p[c] - top)
            total += p[c]
        loss -= np.log(p[y[i]] / total)
        for e in range(experts):
            gradient[e] -= votes[e, i, y[i]]
            for c in range(labels):
                gradient[e] += p[c] / total * votes[e, i, c]
    return loss, gradient


@njit(cache=True)
def _log_pool(votes, i, theta, out):  # type: ignore[no-untyped-def]
    experts, _, labels = votes.shape
    top = -np.inf
    for c in range(labels):
        out[c] = 0.0
        for e in range(experts):
            out[c] += theta[e] * max(votes[e, i, c], LEAST_LOG)
        top = max(top, out[c])
    total = 0.0
    for c in range(labels):
        out[c] = np.exp(out[c] - top)
        total += out[c]
    for c in range(labels):
        out[c] /= total


@njit(cache=True)
def _share(weights, likelihood, forgetting, share, evidence):  # type: ignore[no-untyped-def]
    total = 0.0
    if evidence < 1.0:
        forgetting = forgetting**evidence
        share *= evidence
    for e in range(len(weights)):
        likely = max(likelihood[e], 1e-6)
        weights[e] = weights[e] ** forgetting * (likely if evidence == 1.0 else likely**evidence)
        total += weights[e]
    for e in range(len(weights)):
        weights[e] = (1.0 - share) * weights[e] / total + share / len(weights)


@njit(cache=True)
def _capped(weights, likelihood, fading):  # type: ignore[no-untyped-def]
    """Likelihoods; those of fading experts are at most the mean of the others."""
    mean = 0.0
    total = 1e-300
    for e in range(len(weights)):
        if not fading[e]:
            mean += weights[e] * likelihood[e]
            total += weights[e]
    out = likelihood.copy()
    for e in range(len(weights)):
        if fading[e]:
            out[e] = min(out[e], mean / total)
    return out


@njit(cache=True)
def _step_theta(votes, i, y, p, theta, squares, evidence, fading):  # type: ignore[no-untyped-def]
    experts, _, labels = votes.shape
    for e in range(experts):
        g = max(votes[e, i, y], LEAST_LOG)
        for c in range(labels):
            g -= p[c] * max(votes[e, i, c], LEAST_LOG)
        if evidence < 1.0 and fading[e]:
            g = min(g, 0.0)
        squares[e] += evidence * g * g
        theta[e] = max(0.0, theta[e] + evidence * RATE * g / np.sqrt(squares[e] + 1e-3))


@njit(cache=True)
def _run(votes, y, evidence, fading, weights, theta, squares, final, members, judged, out):  # type: ignore[no-untyped-def]
    experts, n, labels = votes.shape
    likelihood = np.empty(experts)
    for i in range(n):
        member = members[:, i]
        member[:BAYES] = 0.0
        for e in range(experts):
            for c in range(labels):
                p = np.exp(votes[e, i, c])
                for b in range(BAYES):
                    member[b, c] += weights[b, e] * p
        _log_pool(votes, i, theta[0], member[BAYES])
        _log_pool(votes, i, theta[1], member[BAYES + 2])
        for c in range(labels):
            member[BAYES + 1, c] = 0.5 * (member[2, c] + member[BAYES, c])
        total = 0.0
        for c in range(labels):
            out[i, c] = 0.0
            for m in range(MEMBERS):
                out[i, c] += final[m] * member[m, c]
            total += out[i, c]
        for c in range(labels):
            out[i, c] /= total
        if y[i] < 0:
            continue
        _share(final, judged[:, i, y[i]], FINAL_FORGETTING, FINAL_SHARE, evidence[i])
        _step_theta(votes, i, y[i], member[BAYES], theta[0], squares[0], evidence[i], fading)
        _step_theta(votes, i, y[i], member[BAYES + 2], theta[1], squares[1], evidence[i], fading)
        for e in range(experts):
            likelihood[e] = np.exp(votes[e, i, y[i]])
        for b in range(BAYES):
            likely = likelihood if evidence[i] == 1.0 else _capped(weights[b], likelihood, fading)
            _share(weights[b], likely, FORGETTING[b], SHARE[b], evidence[i])
