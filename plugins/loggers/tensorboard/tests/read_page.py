"""Opens TensorBoard's page in headless Chromium on a run of dvhost, and measures the curves in a screenshot of it.
Arguments: see tests/readers/quickstart.py."""
import io
import os
import re
import sys
import tempfile
import time
import unittest

import numpy
from PIL import Image

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import browser  # noqa: E402
import quickstart  # noqa: E402
import tensorboard_server  # noqa: E402

N_STEPS = 80
NEAR = 3  # [px]
READ_CHARTS = """[...document.querySelectorAll("scalar-card")].filter(card => card.querySelector("line-chart canvas")).map(card => {
    const box = card.querySelector("line-chart canvas").getBoundingClientRect();
    const ticks = axis => [...card.querySelectorAll(`line-chart .${axis} .minor text`)].map(
        text => [text.textContent.trim().replace("\\u2212", "-"), text.getAttribute(axis[0])]);
    return {name: card.querySelector(".tag").textContent.replace(/\\s/g, ""), box: [box.left, box.top, box.width, box.height],
            x: ticks("x-axis"), y: ticks("y-axis")};
})"""
HIDE_CHOSEN_STEP = """document.head.appendChild(document.createElement("style")).textContent =
    "scalar-card-fob-controller { display: none }" """


def scale(ticks):
    """Values to pixels, from an axis' numbers and where they stand."""
    values, pixels = numpy.array([[float(value), float(at)] for value, at in ticks]).T
    slope, offset = numpy.polyfit(values, pixels, 1)
    return lambda v: slope * numpy.asarray(v) + offset


def inked(picture, box, colour):
    """Where a chart has a run's colour: x and y of its pixels."""
    left, top, width, height = (round(edge) for edge in box)
    chart = picture[top:top + height, left:left + width].astype(int)
    y, x = numpy.nonzero((abs(chart - colour) < 32).all(axis=2))
    return x, y


def differences(chart, picture, colour, points):
    """What is wrong with a chart that should show the points joined by lines; nothing: it shows them."""
    x, y = inked(picture, chart["box"], colour)
    if len(x) < len(points):
        return [f"{len(x)} pixels have the run's colour"]
    steps, values = numpy.array(points, float).T
    at_x, at_y = scale(chart["x"])(steps), scale(chart["y"])(values)
    inside = (at_y > 0) & (at_y < chart["box"][3])
    wrong = [] if inside.mean() > 0.9 else [f"{inside.sum()} of {len(points)} points lie within the axes"]
    for px, py in zip(at_x[inside], at_y[inside]):
        if numpy.hypot(x - px, y - py).min() > NEAR:
            wrong.append(f"no ink at the point ({px:.1f}, {py:.1f})")
    fine = numpy.linspace(at_x.min(), at_x.max(), 20000)
    line = numpy.interp(fine, at_x, at_y)
    strays = sum(1 for px, py in zip(x, y) if numpy.hypot(fine - px, line - py).min() > NEAR)
    if strays > 0.03 * len(x):
        wrong.append(f"{strays} of {len(x)} pixels lie beside the curve")
    return wrong


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        _, rows = quickstart.run(folder, "tensorboard", f"data.n_train={8 * N_STEPS}")
        cls.series = {name: [(step, value) for step, n, value in rows if n == name] for _, name, _ in rows}
        cls.curves = [name for name, points in cls.series.items() if len(points) > 1]
        server = tensorboard_server.Server(folder, "true")
        cls.addClassCleanup(server.stop)
        for name, points in cls.series.items():
            server.wait_for("version_0", name, len(points))
        page = cls.enterClassContext(browser.Browser(height=4000))
        page.open(server.base + "/?smoothing=0&tagFilter=.#timeseries")  # a filter opens every group
        page.wait_for(f"({READ_CHARTS}).length > {len(cls.series)} && !document.querySelector('scalar-card mat-spinner')")
        cls.charts = {chart["name"]: chart for chart in page.evaluate(READ_CHARTS)}
        cls.text = page.evaluate("document.body.innerText")
        page.evaluate(HIDE_CHOSEN_STEP)
        colour = page.evaluate('getComputedStyle(document.querySelector(".run-color-swatch")).backgroundColor')
        cls.colour = [int(part) for part in re.findall(r"\d+", colour)[:3]]
        cls.picture = cls.drawn(page)

    @classmethod
    def drawn(cls, page):
        """The screenshot, once every curve is there: they are drawn in the background."""
        for _ in range(60):
            picture = numpy.array(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            if all(len(inked(picture, cls.charts[name]["box"], cls.colour)[0]) > N_STEPS for name in cls.curves):
                break
            time.sleep(0.5)
        return picture

    def differences(self, name, points):
        return differences(self.charts[name], self.picture, self.colour, points)

    def test_every_series_has_its_chart(self):
        self.assertEqual(set(self.charts), {*self.series, "epoch"})
        self.assertIn("version_0", self.text)

    def test_the_curves_are_those_that_were_logged(self):
        self.assertEqual(len(self.series["train/loss"]), N_STEPS)
        for name in self.curves:
            self.assertEqual(self.differences(name, self.series[name]), [], name)

    def test_a_wrong_curve_would_be_noticed(self):
        points = self.series["train/loss"]
        moved = [(step, value) for (step, _), (_, value) in zip(points, points[1:] + points[:1])]
        self.assertTrue(self.differences("train/loss", moved))
        self.assertTrue(differences(self.charts["train/loss"], numpy.full_like(self.picture, 255), self.colour, points))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
