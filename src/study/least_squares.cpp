#include "study/least_squares.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "base/check.hpp"

namespace celere::study {
namespace {

constexpr double difference = 1e-4;  // of an unknown, in its standard deviations
constexpr double converged = 1e-5;   // relative progress of the objective
constexpr int attempts = 8;          // steps with one Jacobian

double square(double x) { return x * x; }

class Solver {
 public:
  Solver(const LeastSquares& problem, ThreadPool& threads) : problem_(problem), threads_(threads) {
    CHECK_EQ(problem.groups.size(), problem.weights.size());
    for (const std::size_t group : problem.groups) groups_ = std::max(groups_, group + 1);
  }

  Fitted solve(std::vector<double> start, int iterations) {
    CHECK_EQ(start.size(), problem_.unknowns.size());
    Fitted now{.x = std::move(start),
               .offsets = std::vector<double>(groups_, 0.0),
               .objective = 0,
               .iterations = 0};
    std::vector<double> errors = errors_at(now.x);
    now.objective = objective(errors, now);
    double damping = 1e-3;
    while (now.iterations < iterations) {
      ++now.iterations;
      const Eigen::MatrixXd jacobian = jacobian_at(now.x, errors);
      const double before = now.objective;
      // A Jacobian costs as much as an evaluation for each unknown, so it serves as long as it
      // brings something.
      for (int attempt = 0; attempt < attempts; ++attempt) {
        Fitted next = step(now, errors, jacobian, damping);
        std::vector<double> next_errors = errors_at(next.x);
        next.objective = objective(next_errors, next);
        if (next.objective > now.objective) {
          damping *= 10;
          continue;
        }
        const double progress = now.objective - next.objective;
        now = std::move(next);
        errors = std::move(next_errors);
        damping = std::max(damping / 10, 1e-9);
        if (progress <= converged * before) break;
      }
      if (before - now.objective <= converged * before) break;
    }
    return now;
  }

 private:
  std::vector<double> errors_at(const std::vector<double>& x) const {
    std::vector<double> errors(problem_.weights.size());
    threads_.for_each_index(errors.size(),
                            [&](std::size_t i) { errors[i] = problem_.error(i, x); });
    return errors;
  }

  // Of the errors by the unknowns; rows are observations.
  Eigen::MatrixXd jacobian_at(const std::vector<double>& x,
                              const std::vector<double>& errors) const {
    const std::size_t unknowns = problem_.unknowns.size();
    Eigen::MatrixXd jacobian = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(errors.size()),
                                                     static_cast<Eigen::Index>(unknowns));
    threads_.for_each_index(errors.size(), [&](std::size_t i) {
      std::vector<double> moved = x;
      for (std::size_t j = 0; j < unknowns; ++j) {
        if (!problem_.reads(i, j)) continue;
        const double step = difference * problem_.unknowns[j].sd;
        moved[j] = x[j] + step;
        jacobian(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
            (problem_.error(i, moved) - errors[i]) / step;
        moved[j] = x[j];
      }
    });
    return jacobian;
  }

  double residual(const std::vector<double>& errors, const Fitted& at, std::size_t i) const {
    return (errors[i] - at.offsets[problem_.groups[i]]) / problem_.error_size;
  }

  double objective(const std::vector<double>& errors, const Fitted& at) const {
    double sum = 0;
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const double z = residual(errors, at, i);
      sum += problem_.weights[i] * 2 * (std::sqrt(1 + z * z) - 1);
    }
    for (std::size_t j = 0; j < at.x.size(); ++j) {
      sum += square((at.x[j] - problem_.unknowns[j].prior) / problem_.unknowns[j].sd);
    }
    for (const double offset : at.offsets) sum += square(offset / problem_.offset_sd);
    return sum;
  }

  // One Gauss-Newton step of unknowns and offsets: the weight of an observation is that of rho's
  // tangent parabola. Unknowns are scaled by their standard deviations.
  Fitted step(const Fitted& now, const std::vector<double>& errors, const Eigen::MatrixXd& jacobian,
              double damping) const {
    const Eigen::Index unknowns = jacobian.cols();
    const Eigen::Index all = unknowns + static_cast<Eigen::Index>(groups_);
    Eigen::MatrixXd normal = Eigen::MatrixXd::Identity(all, all);
    Eigen::VectorXd gradient(all);
    for (Eigen::Index j = 0; j < unknowns; ++j) {
      const Unknown& unknown = problem_.unknowns[static_cast<std::size_t>(j)];
      gradient(j) = (now.x[static_cast<std::size_t>(j)] - unknown.prior) / unknown.sd;
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      gradient(unknowns + static_cast<Eigen::Index>(g)) = now.offsets[g] / problem_.offset_sd;
    }
    Eigen::VectorXd row(all);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const double z = residual(errors, now, i);
      const double weight = problem_.weights[i] / std::sqrt(1 + z * z);
      row.setZero();
      for (Eigen::Index j = 0; j < unknowns; ++j) {
        row(j) = jacobian(static_cast<Eigen::Index>(i), j) *
                 problem_.unknowns[static_cast<std::size_t>(j)].sd / problem_.error_size;
      }
      row(unknowns + static_cast<Eigen::Index>(problem_.groups[i])) =
          -problem_.offset_sd / problem_.error_size;
      normal.selfadjointView<Eigen::Lower>().rankUpdate(row, weight);
      gradient += weight * z * row;
    }
    normal.diagonal() *= 1 + damping;
    const Eigen::VectorXd move = -normal.selfadjointView<Eigen::Lower>().ldlt().solve(gradient);
    Fitted next = now;
    for (Eigen::Index j = 0; j < unknowns; ++j) {
      const auto place = static_cast<std::size_t>(j);
      next.x[place] += move(j) * problem_.unknowns[place].sd;
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      next.offsets[g] += move(unknowns + static_cast<Eigen::Index>(g)) * problem_.offset_sd;
    }
    return next;
  }

  const LeastSquares& problem_;
  ThreadPool& threads_;
  std::size_t groups_ = 0;
};

}  // namespace

Fitted fit(const LeastSquares& problem, std::vector<double> start, int iterations,
           ThreadPool& threads) {
  return Solver(problem, threads).solve(std::move(start), iterations);
}

}  // namespace celere::study
