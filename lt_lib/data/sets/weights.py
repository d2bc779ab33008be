"""Pretrained weights that a record may start from, as files whose SHA-256 is pinned."""

from lt_lib.data.registry import WeightsEntry

ENTRIES = (
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
