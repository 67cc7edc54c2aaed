"""SyncNet as a PyTorch network, laid out so that the published weights load (Chung and Zisserman 2016, "Out of time").

The layer sizes are those of the authors' published weights file; its names are ``netcnnaud``, ``netfcaud``,
``netcnnlip`` and ``netfclip``, each a sequence of numbered layers. Imported only when somebody brings that file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from mssync.errors import InputError

FRAMES: Final = 5
STEPS: Final = 20
WIDTH: Final = 1024


def _stage(conv: nn.Module, channels: int, *pool: nn.Module) -> list[nn.Module]:
    norm = nn.BatchNorm3d(channels) if isinstance(conv, nn.Conv3d) else nn.BatchNorm2d(channels)
    return [conv, norm, nn.ReLU(), *pool]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))


MAX_BYTES: Final = 2**29  # the published file has 52 MB


class SyncNet(nn.Module):
    """Two encoders whose outputs lie near each other where mouth and sound belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_stage(nn.Conv2d(1, 64, 3, padding=1), 64, nn.Identity()),  # a pooling of 1 x 1 in the published layout
            *_stage(nn.Conv2d(64, 192, 3, padding=1), 192, nn.MaxPool2d(3, stride=(1, 2))),
            *_stage(nn.Conv2d(192, 384, 3, padding=1), 384),
            *_stage(nn.Conv2d(384, 256, 3, padding=1), 256),
            *_stage(nn.Conv2d(256, 256, 3, padding=1), 256, nn.MaxPool2d(3, stride=2)),
            *_stage(nn.Conv2d(256, 512, (5, 4)), 512),
        )
        wide, flat = (1, 3, 3), (1, 2, 2)
        self.netcnnlip = nn.Sequential(
            *_stage(nn.Conv3d(3, 96, (FRAMES, 7, 7), stride=flat), 96, nn.MaxPool3d(wide, stride=flat)),
            *_stage(
                nn.Conv3d(96, 256, (1, 5, 5), stride=flat, padding=(0, 1, 1)),
                256,
                nn.MaxPool3d(wide, stride=flat, padding=(0, 1, 1)),
            ),
            *_stage(nn.Conv3d(256, 256, wide, padding=(0, 1, 1)), 256),
            *_stage(nn.Conv3d(256, 256, wide, padding=(0, 1, 1)), 256),
            *_stage(nn.Conv3d(256, 256, wide, padding=(0, 1, 1)), 256, nn.MaxPool3d(wide, stride=flat)),
            *_stage(nn.Conv3d(256, 512, (1, 6, 6)), 512),
        )
        self.netfcaud = _head()
        self.netfclip = _head()

    def sound(self, mfcc: Tensor) -> Tensor:
        """``(N, 1, 13, 20)`` windows of MFCC to ``(N, 1024)``."""
        out: Tensor = self.netfcaud(self.netcnnaud(mfcc).flatten(1))
        return out

    def lips(self, pixels: Tensor) -> Tensor:
        """A run of T frames ``(3, T, 224, 224)``, BGR in 0..255, to its T - 4 windows ``(T - 4, 1024)``.

        Only the first layer reaches across time, and without padding: the run gives what its windows would one by one.
        """
        maps = self.netcnnlip(pixels[None])[0, :, :, 0, 0]
        out: Tensor = self.netfclip(maps.T)
        return out


def load_syncnet(path: Path) -> SyncNet:
    """The published weights in the network, ready to judge.

    Raises:
        InputError: the file cannot be read, or is not the SyncNet weights.
    """
    wrong = InputError(f"{path} is not the published SyncNet weights file (syncnet_v2.model); give that one.")
    try:
        if _unpacked(path) > MAX_BYTES:
            raise wrong
        state = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check its name.") from error
    except Exception as error:  # torch, zip and pickle each refuse foreign bytes in their own way
        raise wrong from error
    net = SyncNet()
    try:
        net.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise wrong from error
    return net.eval()


def _unpacked(path: Path) -> int:
    """Bytes that a file of weights takes when it is unpacked."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())
