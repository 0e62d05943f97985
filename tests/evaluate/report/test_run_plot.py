"""The picture of a run shows what was estimated: its course, its worst step, its loops, its end."""

import io
from itertools import pairwise

import numpy as np
import pytest

from quickstudy.errors import InputError
from quickstudy.evaluate.report.run_plot import BLUE, ORANGE, plot_run
from quickstudy.types import Estimate, Loop

CHANCES = (0.7, 0.8, 0.35, 0.3, 0.3, 0.25, 0.2)


def estimates(chances=CHANCES, start=0.6, loops=None, advice=(), stops=()):
    """Estimates of one run; `loops` maps a step to its loop."""
    made, before = [], start
    for step, chance in enumerate(chances, 1):
        made.append(
            Estimate(
                run="r7",
                step=step,
                value=10 * chance,
                low=10 * chance - 2,
                high=10 * chance + 1,
                success_probability=chance,
                credit=chance - before,
                loop=(loops or {}).get(step),
                advice=dict(advice).get(step, "continue"),
                stop=step in stops,
                steps_left=3.0,
                why="",
                votes=(),
            )
        )
        before = chance
    return made


def loop(kind, period, times):
    return Loop(kind, period, times, True, 0.2, 9)


def curves(axes, color):
    return [line.get_xydata() for line in axes.lines if line.get_color() == color]


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def shaded(axes):
    """First and last step of each shade."""
    boxes = [patch.get_bbox() for patch in axes.patches]
    return [(box.x0 + 0.5, box.x1 - 0.5) for box in boxes]


def test_the_curve_begins_where_the_run_began():
    chance, value = plot_run(estimates()).axes
    (course,) = curves(chance, BLUE)
    np.testing.assert_allclose(course, list(enumerate((0.6, *CHANCES))))
    (course,) = curves(value, BLUE)
    np.testing.assert_allclose(course[:, 1], 10 * np.array(CHANCES))


def test_the_band_is_that_of_the_value():
    _, value = plot_run(estimates()).axes
    edges = value.collections[0].get_paths()[0].vertices
    at_three = sorted(set(edges[edges[:, 0] == 3][:, 1].round(9)))
    assert at_three == [1.5, 4.5]


def test_the_step_that_lost_it_is_marked_with_its_action():
    actions = ["a", "b", 'cancel {"id": 5}', "d", "e", "f", "g"]
    figure = plot_run(estimates(), actions=actions)
    assert words(figure) == ['step 3 lost 45 points\ncancel {"id": 5}']
    (drop,) = curves(figure.axes[0], ORANGE)
    np.testing.assert_allclose(drop, [[2, 0.8], [3, 0.35]])


def test_a_long_action_is_cut():
    figure = plot_run(estimates(), actions=["x " * 400] * 7)
    lines = words(figure)[0].splitlines()
    assert len(lines) == 4 and lines[-1].endswith("…") and max(map(len, lines)) < 40


def test_a_run_that_only_gains_lost_nothing():
    figure = plot_run(estimates((0.6, 0.7, 0.9)))
    assert words(figure) == [] and curves(figure.axes[0], ORANGE) == []


def test_the_note_lies_inside_the_picture():
    for worst in range(7):
        chances = [0.95] * worst + [0.05] * (7 - worst)
        figure = plot_run(estimates(chances, start=1.0), actions=["delete_everything " * 6] * 7)
        figure.savefig(io.BytesIO(), format="png")  # lays it out
        (note,) = figure.axes[0].texts
        box, page = note.get_window_extent(), figure.bbox
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def test_all_steps_of_a_loop_are_shaded_in_both_panels():
    figure = plot_run(estimates(loops={5: loop("cycle", 2, 2), 6: loop("repeat", 1, 3)}))
    assert shaded(figure.axes[0]) == shaded(figure.axes[1]) == [(2.0, 6.0)]
    assert "loop: the same step 3 times" in words(figure)


def test_a_longer_round_takes_in_the_loops_that_it_reaches_back_to():
    found = {2: loop("cycle", 1, 2), 4: loop("return", 2, 3), 7: loop("cycle", 3, 2)}
    assert shaded(plot_run(estimates(loops=found)).axes[0]) == [(1.0, 7.0)]


def test_loops_apart_are_shaded_apart():
    found = {2: loop("cycle", 1, 2), 7: loop("return", 4, 3)}
    figure = plot_run(estimates(loops=found))
    assert shaded(figure.axes[0]) == [(1.0, 2.0), (7.0, 7.0)]
    said = " ".join(words(figure))
    assert "2 rounds of 1 steps" in said and "back to the same step, 3 times" in said


def test_words_of_loops_do_not_lie_on_each_other():
    found = {2: loop("repeat", 1, 2), 4: loop("return", 3, 3), 7: loop("return", 4, 3)}
    figure = plot_run(estimates(loops=found))
    assert shaded(figure.axes[0]) == [(1.0, 2.0), (4.0, 4.0), (7.0, 7.0)]
    figure.savefig(io.BytesIO(), format="png")
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if "loop" in t.get_text()]
    assert boxes and all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_the_end_is_shown():
    figure = plot_run(estimates(), outcome=4.5, title="Task 3")
    chance, value = figure.axes
    assert chance.get_title(loc="left") == "Task 3"
    assert chance.get_title(loc="right") == "◆ outcome 4.5"
    np.testing.assert_allclose(value.collections[-1].get_offsets(), [[7, 4.5]])
    assert value.get_ylim()[0] < 0 and value.get_ylim()[1] > 9
    assert plot_run(estimates()).axes[0].get_title(loc="right") == ""


def test_advice_and_certified_stop_are_shown_from_their_first_step():
    told = [(4, "ask"), (5, "stop"), (6, "stop")]
    said = words(plot_run(estimates(advice=told, stops=(6, 7))))
    assert "advice: ask" in said and "stop, certified" in said and "advice: stop" not in said
    said = words(plot_run(estimates(advice=told[1:], stops=(5, 6))))
    assert "stop, certified" in said and "advice: stop" not in said


@pytest.mark.parametrize("count", [1, 2, 500])
def test_runs_of_any_length(count):
    chances = np.linspace(0.9, 0.1, count).tolist()
    assert plot_run(tuple(estimates(chances)), actions=[None] * count, outcome=0.0)


def test_it_is_saved_where_one_says(tmp_path):
    plot_run(estimates(), tmp_path / "run.png")
    plot_run(estimates(), f"{tmp_path}/run.svg")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "run.svg").read_text("utf-8")


def test_what_cannot_be_plotted_is_refused(tmp_path):
    with pytest.raises(InputError, match="estimates is empty"):
        plot_run([])
    with pytest.raises(InputError, match="actions has 2 entries for 7 estimates"):
        plot_run(estimates(), actions=["a", "b"])
    with pytest.raises(InputError, match=r"path 'run\.doc' must end in \.png, \.svg or \.pdf"):
        plot_run(estimates(), tmp_path / "run.doc")
    assert list(tmp_path.iterdir()) == []
