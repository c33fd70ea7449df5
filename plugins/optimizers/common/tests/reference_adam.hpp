#pragma once
/// Adam and AdamW as PyTorch documents them (torch.optim.Adam, torch.optim.AdamW), one number at a time in double.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace dv::optimizers::testing {

struct ReferenceAdam {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
    bool amsgrad = false, maximize = false, decoupled = false;

    std::vector<double> m = {}, v = {}, v_max = {};
    int t = 0;

    void step(std::vector<double>& theta, const std::vector<double>& gradient) {
        m.resize(theta.size()), v.resize(theta.size()), v_max.resize(theta.size());
        ++t;
        for (std::size_t i = 0; i < theta.size(); ++i) {
            double g = maximize ? -gradient[i] : gradient[i];
            if (decoupled) {
                theta[i] -= lr * weight_decay * theta[i];
            } else {
                g += weight_decay * theta[i];
            }
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            v_max[i] = std::max(v_max[i], v[i]);
            const double m_hat = m[i] / (1 - std::pow(beta1, t));
            const double v_hat = (amsgrad ? v_max[i] : v[i]) / (1 - std::pow(beta2, t));
            theta[i] -= lr * m_hat / (std::sqrt(v_hat) + eps);
        }
    }
};

}  // namespace dv::optimizers::testing
