"""Devices: how fast each multiplies and how fast its memory is, with the source of every figure."""

from collections.abc import Mapping
from typing import NamedTuple

from cnnarch.errors import ReadError, suggestion

__all__ = ["DEVICES", "Device", "Roof", "device"]

GIGA, TERA = 10**9, 10**12


class Roof(NamedTuple):
    """What limits a layer: a peak in FLOP/s, of which a multiply-add takes 2, and a bandwidth in bytes/s.

    After Williams, Waterman & Patterson 2009, Roofline: an insightful visual performance model for multicore
    architectures, Communications of the ACM 52(4). Their AMD Opteron X2 does 17.6 GFLOP/s and moves 15 GB/s:

    >>> Roof(17_600_000_000, 15_000_000_000).ridge  # 17.6/15 = 1.17 FLOPs a byte, two to a multiply-add
    0.5866666666666667
    """

    peak: int
    bandwidth: int

    @property
    def ridge(self) -> float:
        """The MACs a byte from which on a layer is limited by its multiply-adds."""
        return self.peak / (2 * self.bandwidth)


class Device(NamedTuple):
    """A device: its peak in FLOP/s for each type that has one, dense, and its memory's bandwidth in bytes/s."""

    name: str
    title: str
    peaks: Mapping[str, int]
    bandwidth: int
    source: str

    def roof(self, dtype: str) -> Roof:
        """What limits a layer in a type; raises ReadError if the device has no figure for it."""
        if dtype not in self.peaks:
            hint = f"there are figures for {', '.join(self.peaks)}; or give `--peak` and `--bandwidth`"
            raise ReadError(f"no figure is known for {dtype} on {self.name}", hint)
        return Roof(self.peaks[dtype], self.bandwidth)


DEVICES = {
    one.name: one
    for one in (
        Device(
            "h100",
            "NVIDIA H100 SXM5 80 GB",
            {"float32": 66_900 * GIGA, "float16": 989_400 * GIGA, "bfloat16": 989_400 * GIGA, "int8": 1_978_900 * GIGA},
            3_350 * GIGA,
            "NVIDIA H100 Tensor Core GPU Architecture, white paper, table of peak rates, without sparsity; float32 "
            "without TF32; bandwidth: H100 data sheet",
        ),
        Device(
            "a100",
            "NVIDIA A100 SXM4 40 GB",
            {"float32": 19_500 * GIGA, "float16": 312 * TERA, "bfloat16": 312 * TERA, "int8": 624 * TERA},
            1_555 * GIGA,
            "NVIDIA A100 Tensor Core GPU, data sheet, without sparsity; float32 without TF32 (156 TFLOP/s)",
        ),
        Device(
            "v100",
            "NVIDIA V100 SXM2",
            {"float32": 15_700 * GIGA, "float16": 125 * TERA},
            900 * GIGA,
            "NVIDIA V100 Tensor Core GPU, data sheet; float16 on tensor cores",
        ),
        Device(
            "t4",
            "NVIDIA T4",
            {"float32": 8_100 * GIGA, "float16": 65 * TERA, "int8": 130 * TERA},
            320 * GIGA,
            "NVIDIA T4 Tensor Core GPU, data sheet; float16 and int8 on tensor cores",
        ),
        Device(
            "jetson_orin_nano",
            "NVIDIA Jetson Orin Nano 8 GB",
            {"float32": 1_280 * GIGA, "int8": 20 * TERA},
            68 * GIGA,
            "NVIDIA Jetson Orin Nano Series, data sheet: 20 TOPS int8 dense; 1,024 CUDA cores × 2 FLOPs × 625 MHz; "
            "68 GB/s",
        ),
        Device(
            "jetson_nano",
            "NVIDIA Jetson Nano 4 GB",
            {"float32": 236 * GIGA, "float16": 472 * GIGA},
            25_600 * 10**6,
            "NVIDIA Jetson Nano, data sheet: 472 GFLOP/s in float16, 25.6 GB/s; float32 at half the rate "
            "(128 CUDA cores × 2 FLOPs × 921.6 MHz)",
        ),
        Device(
            "apple_m1",
            "Apple M1, GPU of 8 cores",
            {"float32": 2_600 * GIGA},
            68_256 * 10**6,
            "Apple unleashes M1, press release of 10 November 2020: 2.6 teraflops; memory: LPDDR4X-4266 × 128 bits",
        ),
        Device(
            "xeon_e5_2699_v3",
            "Intel Xeon E5-2699 v3, 18 cores of Haswell",
            {"float32": 1_300 * GIGA},
            51 * GIGA,
            "Jouppi et al. 2017, In-datacenter performance analysis of a tensor processing unit, arXiv:1704.04760, "
            "table 2 (18 cores × 32 FLOPs × 2.3 GHz = 1,324.8 GFLOP/s)",
        ),
        Device(
            "tpu_v1",
            "Google TPU v1",
            {"int8": 92 * TERA},
            34 * GIGA,
            "Jouppi et al. 2017, In-datacenter performance analysis of a tensor processing unit, arXiv:1704.04760, "
            "table 2 (65,536 multiply-adds × 2 × 700 MHz = 91.75 TOPS)",
        ),
        Device(
            "raspberry_pi_5",
            "Raspberry Pi 5, 4 cores of Cortex-A76",
            {"float32": 153_600 * 10**6, "float16": 307_200 * 10**6, "int8": 614_400 * 10**6},
            17 * GIGA,
            "4 cores × 2.4 GHz × 2 vector units of 128 bits (Arm Cortex-A76 Software Optimization Guide: 2 FMLA or "
            "SDOT a cycle), 2 operations to a multiply-add; Raspberry Pi documentation, BCM2712: up to 17 GB/s",
        ),
        Device(
            "stm32h743",
            "ST STM32H743, Cortex-M7 at 480 MHz",
            {"int8": 1_920 * 10**6},
            1_920 * 10**6,
            "480 MHz × 2 multiply-adds (SMLAD, the dual 16-bit MAC of the Cortex-M7, after int8 is widened); memory on "
            "the AXI bus, 64 bits × 240 MHz (ST data sheet DS12110). Its tightly coupled 128 KiB are faster",
        ),
    )
}


def device(name: str) -> Device:
    """The device of a name; raises ReadError if there is none.

    >>> device("tpu_v1").roof("int8").ridge  # Jouppi et al. 2017, section 4: ~1350 operations a byte of weights
    1352.9411764705883
    """
    found = DEVICES.get(name.lower().replace("-", "_"))
    if found is None:
        others = f"there are {', '.join(DEVICES)}; any other is given by `--peak` and `--bandwidth`"
        raise ReadError(f"there is no device `{name}`", suggestion(name, list(DEVICES)) or others)
    return found
