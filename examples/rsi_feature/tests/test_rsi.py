import numpy as np
from rsi_feature.rsi import rsi

from progressive_training.market import check_causal, synthetic_bars

BARS = synthetic_bars(2000, seed=1)


def test_it_is_between_0_and_100_and_high_after_a_rise() -> None:
    values = rsi(BARS)["rsi14"]
    assert np.isnan(values[0])
    assert 0 <= values[1:].min() < 35
    assert 65 < values[1:].max() <= 100
    rise = np.log(BARS.close[100:] / BARS.close[86:-14])
    assert np.corrcoef(values[100:], rise)[0, 1] > 0.5


def test_it_sees_no_later_bar() -> None:
    check_causal(lambda bars: rsi(bars)["rsi14"][:, None], BARS, ("rsi14",))
