#include "report/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/written_units.hpp"
#include "report/page.hpp"

namespace celere::report {
namespace {

constexpr double width = 900, right = 46, bottom = 56, letter = 7;
constexpr const char* ink = "#15191e";
constexpr const char* soft = "#566170";
constexpr const char* rule = "#d9dfe6";
constexpr std::array<const char*, 6> colors = {"#0a58a6", "#c8500a", "#0b7d5c",
                                               "#a3357a", "#6f6100", "#3f4752"};
constexpr std::array<const char*, 6> dash_list = {"", "8 4", "2 3", "10 3 2 3", "4 4", "1 2"};
// In the order of life::Part.
constexpr std::array<const char*, 9> part_colors = {"#0a58a6", "#b4bfcb", "#66aee0",
                                                    "#f0b429", "#e2762f", "#ab3a2a",
                                                    "#8c6bb1", "#454c56", "#45a389"};

std::string number(double value) {
  if (value == 0) return "0";
  return std::abs(value) >= 1000 ? written_count(value) : fmt::format("{:.4g}", value);
}

std::string text(double x, double y, const char* anchor, const std::string& words,
                 const char* color = soft, int size = 13) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" font-size=\"{}\">{}</text>\n",
      x, y, anchor, color, size, html_escaped(words));
}

double widest(const std::vector<Tick>& ticks) {
  std::size_t most = 0;
  for (const Tick& tick : ticks) most = std::max(most, tick.text.size());
  return static_cast<double>(most) * letter;
}

std::string cut(const std::string& words, std::size_t most) {
  if (words.size() <= most) return words;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0) == 0x80) --end;
  return words.substr(0, end) + "...";
}

}  // namespace

std::string color_of(std::size_t place) { return colors[place % colors.size()]; }
std::string color_of_part(std::size_t part) { return part_colors[part % part_colors.size()]; }

PlotAxis number_axis(std::string title, double from, double to) {
  if (!(to > from)) to = from + 1;
  const double rough = (to - from) / 6;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double times : {5.0, 2.0, 1.0}) {
    if (times * power >= rough) step = times * power;
  }
  PlotAxis axis{.title = std::move(title)};
  const double first = std::floor(from / step + 1e-9), last = std::ceil(to / step - 1e-9);
  axis.from = first * step;
  axis.to = last * step;
  for (double i = first; i <= last; ++i) axis.ticks.push_back({i * step, number(i * step)});
  return axis;
}

PlotAxis day_axis(std::optional<Date> start, double from, double to) {
  if (!start) return number_axis("days from the start", from, to);
  if (!(to > from)) to = from + 1;
  PlotAxis axis{.from = from, .to = to, .grid = false};
  const double days = to - from;
  const auto date = [&](double at) { return written(later(*start, at)); };
  for (const int step : {1, 2, 7, 14}) {
    if (days / step > 7) continue;
    for (double at = std::ceil(from); at <= to; at += step) axis.ticks.push_back({at, date(at)});
    return axis;
  }
  int months = 120;
  for (const int tried : {60, 24, 12, 6, 3, 2, 1}) {
    if (days / (30.4 * tried) <= 8) months = tried;
  }
  const std::chrono::year_month_day first(later(*start, from).day);
  for (std::chrono::year_month month = first.year() / first.month();;
       month += std::chrono::months{1}) {
    const double at = static_cast<double>((std::chrono::sys_days{month / 1} - start->day).count());
    if (at > to) break;
    const unsigned number = static_cast<unsigned>(month.month()) - 1;
    if (at >= from && number % static_cast<unsigned>(std::min(months, 12)) == 0) {
      axis.ticks.push_back({at, date(at).substr(0, 7)});
    }
  }
  return axis;
}

PlotAxis name_axis(const std::vector<std::string>& names) {
  PlotAxis axis{.from = static_cast<double>(names.size()) - 0.4, .to = -0.6, .grid = false};
  for (std::size_t i = 0; i < names.size(); ++i) {
    axis.ticks.push_back({static_cast<double>(i), cut(names[i], 40)});
  }
  return axis;
}

Plot::Plot(std::string title, PlotAxis x, PlotAxis y, int height)
    : title_(std::move(title)), x_(std::move(x)), y_(std::move(y)), height_(height) {
  left_ = 24 + widest(y_.ticks) + (y_.title.empty() ? 0 : 20);
}

double Plot::x_of(double value) const {
  return left_ + (value - x_.from) / (x_.to - x_.from) * (width - left_ - right);
}

double Plot::y_of(double value) const {
  constexpr double top = 62;
  return height_ - bottom - (value - y_.from) / (y_.to - y_.from) * (height_ - bottom - top);
}

void Plot::line(const Points& points, std::size_t place, const std::string& name) {
  const char* dashes = dash_list[place % dash_list.size()];
  std::string path;
  for (const auto& [x, y] : points) path += fmt::format("{:.1f},{:.1f} ", x_of(x), y_of(y));
  drawn_ += fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.2\" "
      "stroke-dasharray=\"{}\"/>\n",
      path, color_of(place), dashes);
  if (!name.empty()) keys_.push_back({name, color_of(place), dashes, true});
}

void Plot::dot(double x, double y, std::size_t place) {
  const double cx = x_of(x), cy = y_of(y);
  constexpr double r = 7;
  const std::string color = color_of(place);
  switch (place % 3) {
    case 0:
      drawn_ += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" stroke=\"#ffffff\" "
          "stroke-width=\"1.5\"/>\n",
          cx, cy, r - 1, color);
      break;
    case 1:
      drawn_ += fmt::format(
          "<path d=\"M{:.1f} {:.1f}l{} {}l-{} {}l-{} -{}z\" fill=\"{}\" stroke=\"#ffffff\" "
          "stroke-width=\"1.5\"/>\n",
          cx, cy - r, r, r, r, r, r, r, color);
      break;
    default:
      drawn_ += fmt::format(
          "<path d=\"M{:.1f} {:.1f}l{} {}h-{}z\" fill=\"{}\" stroke=\"#ffffff\" "
          "stroke-width=\"1.5\"/>\n",
          cx, cy - r, r, 1.8 * r, 2 * r, color);
  }
}

void Plot::box(std::pair<double, double> x, std::pair<double, double> y, const std::string& color) {
  const auto [left, end] = std::minmax({x_of(x.first), x_of(x.second)});
  const auto [top, low] = std::minmax({y_of(y.first), y_of(y.second)});
  drawn_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n", left,
      top, std::max(0.5, end - left), std::max(0.5, low - top), color);
}

void Plot::mark(double x, const std::string& words) {
  const double at = x_of(x), top = y_of(y_.to);
  drawn_ += fmt::format(
      "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\" "
      "stroke-dasharray=\"4 3\"/>\n",
      at, top - 4, y_of(y_.from), ink);
  drawn_ += text(at, top - 8, "middle", words, ink, 12);
}

void Plot::key(const std::string& name, const std::string& color) {
  keys_.push_back({name, color, "", false});
}

std::string Plot::axes() const {
  std::string out;
  const double top = y_of(y_.to), low = y_of(y_.from), end = x_of(x_.to);
  const auto draw = [&](double x1, double x2, double y1, double y2) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, x2,
        y1, y2, rule);
  };
  for (const Tick& tick : y_.ticks) {
    if (y_.grid) draw(left_, end, y_of(tick.at), y_of(tick.at));
    out += text(left_ - 8, y_of(tick.at) + 4, "end", tick.text);
  }
  for (const Tick& tick : x_.ticks) {
    if (x_.grid) draw(x_of(tick.at), x_of(tick.at), top, low);
    out += text(x_of(tick.at), low + 19, "middle", tick.text);
  }
  draw(left_, end, low, low);
  draw(left_, left_, top, low);
  out += text((left_ + end) / 2, height_ - 12, "middle", x_.title);
  if (!y_.title.empty()) {
    out += fmt::format("<g transform=\"rotate(-90 16 {0:.1f})\">{1}</g>\n", (top + low) / 2,
                       text(16, (top + low) / 2, "middle", y_.title));
  }
  return out;
}

Plot::Legend Plot::legend() const {
  Legend out{.height = keys_.empty() ? 0 : 34};
  double x = 20, y = height_ + 12;
  for (const Key& key : keys_) {
    const double sign = key.line ? 30 : 18;
    const double takes = sign + static_cast<double>(key.name.size()) * letter + 16;
    if (x > 20 && x + takes > width) {
      x = 20;
      y += 22;
      out.height += 22;
    }
    if (key.line) {
      out.text += fmt::format(
          "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"2.2\" "
          "stroke-dasharray=\"{4}\"/>\n",
          x, x + 24, y - 4, key.color, key.dashes);
    } else {
      out.text +=
          fmt::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"3\" fill=\"{}\"/>\n",
                      x, y - 10, key.color);
    }
    out.text += text(x + sign, y, "start", key.name);
    x += takes;
  }
  return out;
}

std::string Plot::svg() const {
  const Legend below = legend();
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1}\" "
             "width=\"{0:.0f}\" height=\"{1}\" role=\"img\" "
             "font-family=\"system-ui, 'Helvetica Neue', Arial, sans-serif\">\n"
             "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
             width, height_ + below.height, html_escaped(title_)) +
         text(20, 28, "start", cut(title_, 110), ink, 17) + below.text + axes() + drawn_ +
         "</svg>\n";
}

}  // namespace celere::report
