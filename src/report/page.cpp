#include "report/page.hpp"

#include <array>
#include <utility>

#include "base/check.hpp"
#include "report/embedded_pages.hpp"

namespace celere::report {

std::string without_tags(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string page_html(const Page& page) {
  const std::string code = std::string(embedded_page_script()) + std::string(page.code);
  const std::array<std::pair<std::string_view, std::string>, 6> parts = {{
      {"@TITLE@", html_escaped(page.title)},
      {"@STYLE@", std::string(embedded_page_style())},
      {"@ANSWER@", html_escaped(page.answer)},
      {"@DATA@", without_tags(page.json)},
      {"@CHART@", std::string(embedded_chart_script())},
      {"@CODE@", code},
  }};
  // In the order of the page, so that no mark is looked for in what was put in.
  std::string_view rest = embedded_page();
  std::string html;
  for (const auto& [mark, text] : parts) {
    const std::size_t place = rest.find(mark);
    CHECK(place != std::string_view::npos);
    html += rest.substr(0, place);
    html += text;
    rest.remove_prefix(place + mark.size());
  }
  return html += rest;
}

}  // namespace celere::report
