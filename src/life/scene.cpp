#include "life/scene.hpp"

#include <cmath>

#include <fmt/format.h>

namespace celere::life {

Nanoseconds nanoseconds(Seconds time) { return std::llround(time.in_base() * 1e9); }
Seconds seconds(Nanoseconds time) { return Seconds::of(static_cast<double>(time) * 1e-9); }

namespace {

Status checked(const std::vector<Tranche>& tranches, const char* what) {
  Tranche last;
  for (const Tranche& tranche : tranches) {
    if (tranche.at < last.at || tranche.nodes < last.nodes) {
      return bad_input(fmt::format("{}: {} nodes from {} s on, after {} from {} s on", what,
                                   tranche.nodes, tranche.at.in_base(), last.nodes,
                                   last.at.in_base()));
    }
    last = tranche;
  }
  return Done{};
}

Status checked(const Cause& cause) {
  if (!(cause.rate.in_base() >= 0) || !(cause.weibull > 0) || !(cause.span > Seconds{})) {
    return bad_input(
        fmt::format("cause {}: its rate cannot be below 0, nor its shape or span 0", cause.name));
  }
  if (cause.group < 1 || !(cause.factor >= 1)) {
    return bad_input(fmt::format("cause {}: group and factor are at least 1", cause.name));
  }
  for (const Seconds time :
       {cause.detect, cause.localise, cause.repair, cause.lasts, cause.notice}) {
    if (!(time >= Seconds{})) {
      return bad_input(fmt::format("cause {}: a time is below 0", cause.name));
    }
  }
  return Done{};
}

Status checked(const Slowdown& slowdown) {
  if (!(slowdown.at >= Seconds{}) || !(slowdown.lasts >= Seconds{}) ||
      !(slowdown.every >= Seconds{}) || !(slowdown.factor >= 1)) {
    return bad_input(
        fmt::format("slowdown {}: a time is below 0, or its factor below 1", slowdown.name));
  }
  if (slowdown.every > Seconds{} && slowdown.lasts >= slowdown.every) {
    return bad_input(fmt::format("slowdown {}: it lasts {} s and comes again each {} s",
                                 slowdown.name, slowdown.lasts.in_base(),
                                 slowdown.every.in_base()));
  }
  return Done{};
}

bool is_share(double share) { return share >= 0 && share <= 1; }

}  // namespace

Nanoseconds there_at(const Tranche& tranche, Nanoseconds late) {
  return tranche.at > Seconds{} ? nanoseconds(tranche.at) + late : 0;
}

Status checked(const Scene& scene) {
  if (scene.steps < 1) return bad_input("a training has at least one step");
  if (scene.layouts.empty()) return bad_input("a training has at least one layout");
  const Layout& full = scene.layouts.front();
  for (const Layout& layout : scene.layouts) {
    if (layout.nodes < 1 || layout.replicas < 1 || !(layout.step > Seconds{})) {
      return bad_input("a layout has at least one node and one replica, and its step takes time");
    }
    if (layout.nodes > full.nodes || layout.step < full.step) {
      return bad_input(fmt::format(
          "a layout for {} nodes with {} s a step beside the full one, {} nodes with {} s",
          layout.nodes, layout.step.in_base(), full.nodes, full.step.in_base()));
    }
    if (layout.replicas_whole && layout.nodes % layout.replicas != 0) {
      return bad_input(fmt::format("{} replicas that can be lost alone share {} nodes unevenly",
                                   layout.replicas, layout.nodes));
    }
    if (layout.row < 0 || (layout.row > 0 && layout.nodes % (layout.row * layout.replicas) != 0)) {
      return bad_input(fmt::format("{} nodes are no rows of {} of each of {} replicas",
                                   layout.nodes, layout.row, layout.replicas));
    }
  }
  RETURN_IF_ERROR(checked(scene.tranches, "deliveries"));
  RETURN_IF_ERROR(checked(scene.powered, "power"));
  if (scene.nodes() < 1) return bad_input("no node is ever delivered");
  for (const Cause& cause : scene.causes) RETURN_IF_ERROR(checked(cause));
  for (const Given& given : scene.given) {
    if (given.node < 0 || given.node >= scene.nodes() || given.cause < 0 ||
        given.cause >= std::ssize(scene.causes) || !(given.at >= Seconds{})) {
      return bad_input(fmt::format("a given failure of node {} by cause {} at {} s", given.node,
                                   given.cause, given.at.in_base()));
    }
  }
  for (const Slowdown& slowdown : scene.slowdowns) RETURN_IF_ERROR(checked(slowdown));
  if (scene.evaluation.every < 0 || !(scene.evaluation.takes >= Seconds{}) ||
      !(scene.flaps.rate >= PerSecond{}) || !(scene.flaps.stall >= Seconds{}) ||
      !(scene.misdiagnosis.again >= Seconds{})) {
    return bad_input("evaluation, flaps, misdiagnosis: a rate or time is below 0");
  }
  if (!(scene.late_min >= Seconds{}) || !(scene.late_max >= scene.late_min)) {
    return bad_input(fmt::format("deliveries are late by {} to {} s", scene.late_min.in_base(),
                                 scene.late_max.in_base()));
  }
  for (const double share : {scene.dead_on_arrival, scene.idle_rate_share, scene.lemon_share,
                             scene.lemon_failures, scene.misdiagnosis.share}) {
    if (!is_share(share)) return bad_input(fmt::format("{} is no share", share));
  }
  if (!(scene.early_factor > 0)) return bad_input("early_factor must be above 0");
  return Done{};
}

}  // namespace celere::life
