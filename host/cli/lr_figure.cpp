#include "cli/lr_figure.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace dvhost::cli {

namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 70, kRight = 20, kTop = 20, kBottom = 50;

std::string number(double value, const char* format = "%.4g") {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string line(double x1, double y1, double x2, double y2, const char* colour) {
    return "<line x1=\"" + number(x1, "%.1f") + "\" y1=\"" + number(y1, "%.1f") + "\" x2=\"" + number(x2, "%.1f") + "\" y2=\"" + number(y2, "%.1f") +
           "\" stroke=\"" + colour + "\"/>\n";
}

std::string words(double x, double y, const char* anchor, const std::string& text) {
    return "<text x=\"" + number(x, "%.1f") + "\" y=\"" + number(y, "%.1f") + "\" text-anchor=\"" + anchor + "\">" + text + "</text>\n";
}

/// From a range of values to a range of pixels.
struct Axis {
    double low, high, from, to;
    double operator()(double value) const { return from + (value - low) / (high > low ? high - low : 1.0) * (to - from); }
};

}  // namespace

std::string lr_figure(const compose::LrCurve& curve, bool logarithmic) {
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 400\" font-family=\"sans-serif\" font-size=\"12\">\n"
                      "<rect width=\"640\" height=\"400\" fill=\"white\"/>\n";
    const auto place = [&](double lr) { return logarithmic ? std::log10(lr) : lr; };
    if (curve.lr.empty()) return out + words(kWidth / 2, kHeight / 2, "middle", "no step had a finite loss") + "</svg>\n";
    const auto [low, high] = std::minmax_element(curve.loss.begin(), curve.loss.end());
    const Axis x{place(curve.lr.front()), place(curve.lr.back()), kLeft, kWidth - kRight};
    const Axis y{*low, *high, kHeight - kBottom, kTop};

    constexpr int kTicks = 5;
    for (int i = 0; i <= kTicks; ++i) {
        const double at_x = x.low + (x.high - x.low) * i / kTicks, at_y = y.low + (y.high - y.low) * i / kTicks;
        out += line(x(at_x), kHeight - kBottom, x(at_x), kTop, "#dddddd");
        out += words(x(at_x), kHeight - kBottom + 18, "middle", number(logarithmic ? std::pow(10.0, at_x) : at_x, "%.2g"));
        out += line(kLeft, y(at_y), kWidth - kRight, y(at_y), "#dddddd");
        out += words(kLeft - 6, y(at_y) + 4, "end", number(at_y));
    }
    out += words((kLeft + kWidth - kRight) / 2, kHeight - 10, "middle", "learning rate") + words(kLeft, kTop - 6, "start", "loss, smoothed");
    out += "<polyline fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\" points=\"";
    for (std::size_t i = 0; i < curve.lr.size(); ++i) {
        out += (i == 0 ? "" : " ") + number(x(place(curve.lr[i])), "%.1f") + "," + number(y(curve.loss[i]), "%.1f");
    }
    out += "\"/>\n";
    if (curve.suggestion) {
        const double px = x(place(curve.lr[*curve.suggestion])), py = y(curve.loss[*curve.suggestion]);
        out += "<circle cx=\"" + number(px, "%.1f") + "\" cy=\"" + number(py, "%.1f") + "\" r=\"5\" fill=\"#c8372d\"/>\n";
        out += words(px + 8, py - 8, "start", "suggested: " + number(curve.lr[*curve.suggestion]));
    }
    return out + "</svg>\n";
}

}  // namespace dvhost::cli
