"""An optimiser for small budgets: orthogonalised momentum for the matrices, AdamW for the rest."""
import torch
import torch.distributed as dist


def orthogonal(matrix, steps=5):
    """The nearest matrix with all singular values near 1 (Newton-Schulz, quintic), for f32 [m,n]."""
    turned = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if turned else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if turned else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised per convolution (output channels x the rest), scaled to the step size that
    AdamW would take at the same rate. With several processes each does its share of the matrices."""

    def __init__(self, parameters, lr, weight_decay, momentum=0.95):
        super().__init__(parameters, dict(lr=lr, weight_decay=weight_decay, momentum=momentum))

    @torch.no_grad()
    def step(self):
        world = dist.get_world_size() if dist.is_initialized() else 1
        rank = dist.get_rank() if world > 1 else 0
        for group in self.param_groups:
            updates = []
            for i, parameter in enumerate(group["params"]):
                trend = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                trend.lerp_(parameter.grad, 1 - group["momentum"])
                update = torch.zeros_like(parameter)
                if i % world == rank:
                    ahead = parameter.grad.lerp(trend, group["momentum"]).reshape(len(parameter), -1)
                    update = (orthogonal(ahead) * 0.2 * max(ahead.shape) ** 0.5).reshape(parameter.shape)
                updates.append(update.reshape(-1))
            flat = torch.cat(updates)
            if world > 1:
                dist.all_reduce(flat)
            for parameter, update in zip(group["params"], flat.split([p.numel() for p in group["params"]])):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update.view_as(parameter), alpha=group["lr"])
