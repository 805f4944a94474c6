// A page of HTML from its parts: the same head, style and charts for all, one script for each kind.
//
// It needs nothing beside itself, and its policy forbids it to ask for anything. Text from outside
// comes in two ways: escaped in title and heading, and as JSON that no tag can end; the scripts set
// it as text alone.
#pragma once

#include <string>
#include <string_view>

namespace celere::report {

struct Page {
  std::string title, answer;  // text, not yet escaped
  std::string json;           // one line
  std::string_view code;      // after pages/page.js
};
std::string page_html(const Page& page);

// For between tags, and for between the quotes of an attribute.
std::string html_escaped(std::string_view text);

// JSON for within a script element: '<' begins a tag or a comment, and stands in JSON only inside
// of texts.
std::string without_tags(std::string_view json);

}  // namespace celere::report
