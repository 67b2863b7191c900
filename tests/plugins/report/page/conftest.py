"""Made-up runs of any size: accounts on disk, and the document that a report has of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from progressive_plugins.report.page import page_of
from progressive_training.market import StrategyAccount, account_of

HOUR = 3600
LINES = (
    ("flat", "flat"),
    ("buy and hold", "baseline"),
    ("breakout 480", "baseline"),
    ("ridge with no-trade band", "baseline"),
)
REASONS = ("decided", "reversed", "gap", "end of part")


class MadeUpRun:
    """Writes accounts below `run_dir`, and makes documents that fit them; what a test does not name is realistic."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def write_account(self, bucket: str, bars: int = 2_000, trades: int = 40, points: int = 200, seed: int = 0) -> None:
        """An account whose candles depend on `bars` alone, and what was done on them on `seed` too."""
        market, rng = np.random.default_rng(bars), np.random.default_rng(seed)
        merged = -(-bars // 60_000)
        times = pd.to_datetime(1_577_836_800 + HOUR * np.arange(bars), unit="s", utc=True)
        close = np.round(20_000 * np.exp(np.cumsum(market.normal(0, 0.006, bars))), 2)
        opened = np.r_[20_000.0, close[:-1]]
        first = np.arange(0, bars, merged)
        last = np.minimum(first + merged, bars) - 1
        candles = pd.DataFrame(
            {
                "time": times[first],
                "open": opened[first],
                "high": np.maximum.reduceat(np.round(np.maximum(opened, close) * 1.002, 2), first),
                "low": np.minimum.reduceat(np.round(np.minimum(opened, close) * 0.998, 2), first),
                "close": close[last],
                "volume": np.nan,
            }
        )
        bounds = {"training": (0, 0.58), "validation": (0.6, 0.78), "test": (0.8, 1)}
        rows = {name: (int(bars * low), int(bars * high) - 1) for name, (low, high) in bounds.items()}
        facts: dict[str, Any] = {
            "interval": float(HOUR),
            "bars": bars,
            "merged": merged,
            "symbol": "",
            "source": "bars.csv",
            "gap_count": 2,
            "drawn": f"{bars:016x}",
            "parts": self._parts(times, rows),
            "costs": self._costs(),
        }
        account = StrategyAccount(
            **facts,
            candles=candles,
            gaps=pd.DataFrame(
                {"before": times[[bars // 3, bars // 2]], "after": times[[bars // 3 + 1, bars // 2 + 1]]}
            ),
            trades=pd.concat(
                [self._trades(name, *rows[name], times, close, trades // 2, rng) for name in ("validation", "test")]
            ),
            equity=pd.concat(
                [self._equity(name, *rows[name], times, bucket, points, rng) for name in ("validation", "test")]
            ),
            slices=pd.DataFrame(self._slices(rng)),
        )
        account.write(self.run_dir, bucket)

    def accounts(self, document: dict[str, Any]) -> dict[str, StrategyAccount | None]:
        return {bucket["name"]: account_of(self.run_dir, bucket["name"]) for bucket in document["buckets"]}

    def page(self, document: dict[str, Any], **accounts: StrategyAccount) -> str:
        """The page of a document; `accounts` stand in for those on disk."""
        return page_of(document, self.accounts(document) | accounts)

    def _parts(self, times: pd.DatetimeIndex, rows: dict[str, tuple[int, int]]) -> Any:
        from progressive_market.accounts.strategy_account import AccountPart

        return tuple(
            AccountPart(name=name, first=times[low].isoformat(), last=times[high].isoformat(), bars=high - low + 1)
            for name, (low, high) in rows.items()
        )

    def _costs(self) -> Any:
        from progressive_market.accounts.strategy_account import CostsPaid

        costs = CostsPaid(gross=14.2, net=3.1, fees=9.8, charges=0.1)
        return {"validation": costs, "test": costs}

    def _trades(self, part: str, low: int, high: int, times: Any, close: Any, count: int, rng: Any) -> pd.DataFrame:
        cuts = np.sort(rng.choice(np.arange(low, high), size=2 * count, replace=False))
        entry, left = cuts[0::2], cuts[1::2]
        short = rng.random(count) < 0.4
        profit = 100 * (close[left] / close[entry] - 1) * np.where(short, -1, 1) - 0.2
        return pd.DataFrame(
            {
                "part": part,
                "side": np.where(short, "short", "long"),
                "entry_time": times[entry],
                "entry_price": close[entry],
                "exit_time": times[left],
                "exit_price": close[left],
                "bars": left - entry,
                "profit": profit,
                "reason": pd.Series([REASONS[place % 4] for place in range(count)], dtype="str"),
            }
        )

    def _equity(self, part: str, low: int, high: int, times: Any, bucket: str, points: int, rng: Any) -> pd.DataFrame:
        at = np.linspace(low, high, points).astype(int)
        frames = []
        for strategy, kind in ((bucket, "model"), *LINES):
            grown = np.zeros(points) if kind == "flat" else np.cumsum(rng.normal(0.001, 0.01, points))
            frames.append(
                pd.DataFrame(
                    {
                        "part": part,
                        "strategy": strategy,
                        "kind": kind,
                        "time": times[at],
                        "log_equity": grown,
                        "drawdown": -np.expm1(grown - np.maximum.accumulate(np.maximum(grown, 0))),
                    }
                )
            )
        return pd.concat(frames)

    def _slices(self, rng: Any) -> list[dict[str, Any]]:
        both = {
            "volatility": ["calm: up to 0.30 % a bar", "middle: 0.30 % to 0.62 %", "wild: above 0.62 %"],
            "hour": [f"{hour:02}:00" for hour in range(24)],
            "weekday": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        }
        ways = {"month": {"validation": ["2021-01", "2021-02", "2021-03"], "test": ["2021-04", "2021-05"]}}
        ways |= {by: {"validation": labels, "test": labels} for by, labels in both.items()}
        return [
            {
                "part": part,
                "by": by,
                "slice": label,
                "bars": 300,
                "trades": int(rng.integers(0, 20)),
                "held": float(rng.random()),
                "profit": float(rng.normal(0, 4)),
                "hold_profit": float(rng.normal(0, 6)),
                "t": float(rng.normal()),
            }
            for by, parts in ways.items()
            for part, labels in parts.items()
            for label in labels
        ]

    def document(self, *buckets: dict[str, Any], **changes: Any) -> dict[str, Any]:
        run: dict[str, Any] = {
            "name": "20261129-131143-b0330a98",
            "directory": str(self.run_dir),
            "started": "2026-11-29T13:11:43+00:00",
            "ended": "2026-11-29T13:15:01+00:00",
            "status": "finished",
            "error": None,
            "sequence": [bucket["name"] for bucket in buckets],
            "stages": [],
            "critical_path": 62.0,
            "seed": 7,
            "device": "cpu",
            "versions": {"progressive-training": "0.1.0", "torch": "2.9.1", "numpy": "2.3.1"},
            "platform": "Linux-6.1-x86_64",
            "environments": [],
            "plugins": {"report": "progressive-training", "console": "progressive-training"},
            "parent": None,
            "changes": [],
            "data": [
                {
                    "setting": "DATA",
                    "file": "/home/me/bars.csv",
                    "sha256": "c0ffee" * 10 + "c0ff",
                    "bytes": 3_028_338,
                    "synthetic": False,
                    "first": "2020-01-01T00:00:00+00:00",
                    "last": "2020-03-24T07:00:00+00:00",
                }
            ],
            "settings": [
                {
                    "key": "EPISODES",
                    "value": 60,
                    "default": 120,
                    "meaning": "Episodes that a bucket trains at most",
                    "bucket": None,
                },
                {
                    "key": "FEE",
                    "value": 0.0005,
                    "default": 0.001,
                    "meaning": "What a trade costs, as a share",
                    "bucket": "Short",
                },
            ],
            "reproduce": [
                "progressive-training --config /home/me/runs/20261129-131143-b0330a98/config.json --device cpu"
            ],
            "use": {
                "python": 'from progressive_training import load_model\n\nmodel = load_model("runs/one/models/Short")\nprint(model("bars.csv"))',
                "signal": "progressive-training signal /home/me/runs/20261129-131143-b0330a98 --data bars.csv",
                "resume": None,
            },
        }
        adopted = {
            "strategy": "specialists",
            "verdict": "kept",
            "reason": "t 2.3",
            "before": 1.0,
            "after": 2.0,
            "gain": 1.0,
        }
        transfers = {
            "choices": [{"bucket": bucket["name"], "made": {**adopted, "error": None}} for bucket in buckets[1:]],
            "offers": [offer for bucket in buckets for offer in self._offers(bucket["name"])]
            if len(buckets) > 1
            else [],
            "counts": {"kept": 3, "skipped": 20, "rolled back": 9},
            "reasons": [
                {"reason": "the proof did not show a gain beyond its error", "count": 21},
                {"reason": "no horizon in common", "count": 8},
            ],
            "worth": None,
            "matrix": None,
            "scratch": None,
            "missing": "to see what being taught was worth: progressive-training transfer-report /home/me/runs/one",
        }
        return {
            "format": 1,
            "run": run | changes.pop("run", {}),
            "buckets": list(buckets),
            "transfers": transfers | changes.pop("transfers", {}),
            "notes": changes.pop("notes", []),
        }

    def _offers(self, target: str) -> list[dict[str, Any]]:
        tries = {"before": -2.1, "after": 1.4, "gain": 3.5, "error": 1.1}
        none = dict.fromkeys(tries)
        return [
            {
                "source": "Scalping",
                "target": target,
                "phase": "periodic",
                "episode": episode,
                "source_t": 1.2,
                "proof": tries,
                "strategies": [
                    {
                        "strategy": "weights",
                        "verdict": "kept" if episode == 10 else "rolled back",
                        "reason": "validation did not fall",
                        **tries,
                    },
                    {"strategy": "horizons", "verdict": "skipped", "reason": "no horizon in common", **none},
                ],
            }
            for episode in (10, 20)
            if target != "Scalping"
        ]

    def bucket(self, name: str = "Short", edge: str | None = "none", **changes: Any) -> dict[str, Any]:
        """A bucket of the document; that of the account is read from what `write_account` wrote."""
        account = account_of(self.run_dir, name)
        words = {
            "confirmed": "edge confirmed: trades",
            "none": "no edge shown: stays flat",
            "implausible": "implausible: stays flat",
        }
        verdict = edge and {
            "edge": edge,
            "summary": words[edge],
            "sentence": "After costs its strategy made +12.5 % on validation and -2.4 % on test, with an edge t of 1.1 where 3 is needed.",
            "reason": "no edge shown (t = 1.1 on validation bars that did not choose the model and on test together; 3 is needed)",
            "t": 4.1 if edge == "confirmed" else 1.1,
            "validation_t": 1.7,
            "test_t": -0.2,
            "needed_t": 3.0,
            "in_use": "trades" if edge == "confirmed" else "stays flat",
            "trades": "everywhere" if edge == "confirmed" else "nowhere",
            "warnings": ["beaten on test by buy and hold"],
            "carriers": [],
        }
        episodes = list(range(1, 61))
        values: dict[str, Any] = {
            "name": name,
            "model_path": str(self.run_dir / "models" / name / "model.safetensors"),
            "horizons": [6, 24, 72],
            "episodes": 60,
            "best_episode": 41,
            "stopped": "early_stopping: no better score for 19 episodes",
            "seconds": 47.3,
            "scratch_arm": False,
            "verdict": verdict,
            "performance": {part: self._rows(name) for part in ("validation", "test")} if edge else {},
            "learning": {
                "episodes": episodes,
                "score": [-6 + 18 * (1 - 0.9**number) + 2 * (-1) ** number for number in episodes],
                "best": [0.0] * 60,
                "start_score": -2.0,
                "loss": [0.4] * 60,
                "exploration": [0.3 * 0.96**number for number in episodes],
                "exploration_cause": ["learning progress slows"] * 60,
                "seconds": [0.8] * 60,
            },
            "account": self._account_part(account) if account is not None else None,
            "features": [
                {
                    "name": f"feature_{place}",
                    "screened": 0.4 / (place + 1),
                    "permuted": 0.5 / (place + 2),
                    "combined": None,
                }
                for place in range(12)
            ],
            "feature_agreement": 0.71,
            "naturalistic": {
                "exploration": {
                    "sentence": "Random actions went from 30.0 % of the steps to 2.6 %.",
                    "steps": [],
                    "rates": {},
                },
                "lessons": {
                    "sentence": "1,204 explored trades were compared with what their values promised.",
                    "count": 1204,
                    "conclusions": [
                        {"conclusion": "the promised gain never came: look at the entry again", "count": 31}
                    ],
                    "shown": [],
                },
                "recall": None,
            },
        }
        return values | changes

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "strategy": strategy,
                "kind": kind,
                "profit": profit,
                "sharpe": 0.9,
                "sharpe_error": 0.4 if kind == "model" else None,
                "drawdown_share": 0.083,
                "turnover": 214.0,
                "trades": 107,
                "long_share": 0.5,
                "flat_share": 0.3,
                "short_share": 0.2,
                "t": 1.1,
                "alpha_percent_a_year": 4.0,
                "alpha_t": 0.7,
                "beta": 0.3,
            }
            for (strategy, kind), profit in zip(
                ((name, "model"), *LINES), (-2.37, 0.0, 36.2, 13_712.0, -9.4), strict=True
            )
        ]

    def _account_part(self, account: StrategyAccount) -> dict[str, Any]:
        import attrs

        def part(name: str) -> dict[str, Any]:
            own = account.trades[account.trades["part"] == name]
            if own.empty:
                return {
                    "count": 0,
                    "won": None,
                    "median_bars": None,
                    "mean_profit": None,
                    "median_profit": None,
                    "best": None,
                    "worst": None,
                    "reasons": {},
                    "histogram": None,
                }
            counts, edges = np.histogram(own["profit"], np.arange(-12, 13, 1.0))
            return {
                "count": len(own),
                "won": float((own["profit"] > 0).mean()),
                "median_bars": float(own["bars"].median()),
                "mean_profit": float(own["profit"].mean()),
                "median_profit": float(own["profit"].median()),
                "best": float(own["profit"].max()),
                "worst": float(own["profit"].min()),
                "reasons": {str(key): int(count) for key, count in own["reason"].value_counts().items()},
                "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
            }

        return {
            "interval": account.interval,
            "bars": account.bars,
            "merged": account.merged,
            "symbol": account.symbol,
            "source": account.source,
            "parts": [attrs.asdict(each) for each in account.parts],
            "gap_count": account.gap_count,
            "gaps": [{"before": str(row.before), "after": str(row.after)} for row in account.gaps.itertuples()],
            "costs": {name: attrs.asdict(costs) for name, costs in account.costs.items()},
            "exposure": {name: {"long": 0.5, "flat": 0.3, "short": 0.2} for name in account.costs},
            "slices": account.slices.to_dict("records"),
            "trades": {name: part(name) for name in account.costs},
        }


@pytest.fixture
def run(tmp_path: Path) -> MadeUpRun:
    return MadeUpRun(tmp_path)
