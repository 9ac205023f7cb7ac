"""A discriminator of movements, for what no code can hold: it learns to tell decoded windows from real ones by their
velocities and accelerations, and the codec's decoder learns to pass (hinge losses, as EnCodec's; Defossez et al. 2022,
section 3.4).

It knows nothing of the window that was encoded, so it only makes movements plausible. Reconstruction losses stay, and
keep them at the right moment.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.torch_kinematics import Movement
from engine.training.loop import Losses
from smpl_rig.skeleton import JOINT_COUNT

SPEED, ACCELERATION = 20.0, 40.0
"""What displacements (metres a frame) and their changes are multiplied by, so that both are about 1."""
WIDTH = 128
LEARNING_RATE = 3e-4


class MovementDiscriminator(nn.Module):
    """Convolutions over time; scores of overlapping parts of a window, of about a second each, > 0 for real."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2 * 3 * JOINT_COUNT, WIDTH, 5),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, WIDTH, 5, stride=2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, WIDTH, 5, stride=2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, 1, 1),
        )

    def forward(self, movements: Tensor) -> Tensor:  # (B, 144, T) -> (B, 1, parts)
        return self.layers(movements)


def _inputs(moved: Movement) -> Tensor:
    """(B, 144, T - 2) scaled velocities and accelerations of all joints, in the dancer's heading."""
    return torch.cat([SPEED * moved.steps[:, 1:].flatten(2), ACCELERATION * moved.bends.flatten(2)], 2).transpose(1, 2)


class Opponent:
    """The discriminator with its optimiser: a step of its own in every step of the codec's decoder."""

    def __init__(self, device: str):
        self.network = MovementDiscriminator().to(device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, betas=(0.5, 0.9))

    def losses(self, moved: Movement, true: Movement) -> Losses:
        """`adversarial`, the loss of decoded windows, after a step of the discriminator against true ones;
        `discriminator`, its own loss before that step: 2 if it knows nothing."""
        fake, real = _inputs(moved), _inputs(true)
        own = F.relu(1 - self.network(real)).mean() + F.relu(1 + self.network(fake.detach())).mean()
        self.optimizer.zero_grad(set_to_none=True)
        own.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.network.requires_grad_(False)
        adversarial = -self.network(fake).mean()
        self.network.requires_grad_(True)
        return {"adversarial": adversarial, "discriminator": own.detach()}

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
