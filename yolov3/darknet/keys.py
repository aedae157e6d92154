"""Which keys a ``.cfg`` may hold beside those that shape the network.

Three kinds: keys of training and display, which change nothing in a forward pass; keys of features that are not done
here, acceptable only with the value that switches them off; and, to tell by which branch of Darknet a model was
trained, the keys that the original program knows. Everything else is an error: a key misspelt is a network misread.
"""

from __future__ import annotations

_ZERO = ("0", "0.0", "0.", "-0")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYER_HARMLESS = _words("""
        clip onlyforward dont_update burnin_update stopbackward train_only_bn learning_rate stream wait_stream
        truth smooth
        """)
"""Accepted in every layer."""

LAYER_OFF = dict.fromkeys(("dontload", "dontloadscales", "dontsave", "numload", "flipped"), _ZERO)
"""They change what a ``.weights`` file holds."""

NET_HARMLESS = _words("""
    batch subdivisions max_batches learning_rate learning_rate_min momentum decay policy step scale steps scales
    seq_scales gamma power burn_in sgdr_cycle sgdr_mult adam B1 B2 eps clip time_steps track augment_speed
    sequential_subdivisions try_fix_nan weights_reject_freq equidistant_point badlabels_rejection_percentage
    num_sigmas_reject_badlabels ema_alpha use_cuda_graph loss_scale dynamic_minibatch optimized_memory
    workspace_size_limit_MB max_crop min_crop max_ratio min_ratio center crop flip blur gaussian_noise mixup
    cutmix mosaic mosaic_bound contrastive contrastive_jit_flip contrastive_color unsupervised label_smooth_eps
    resize_step attention adversarial_lr max_chart_loss angle aspect saturation exposure hue
    show_receptive_field notruth random letter_box
    """)

HARMLESS: dict[str, frozenset[str]] = {
    "convolutional": _words("cbn angle dot grad_centr"),
    "dropout": _words("dropblock dropblock_size_rel dropblock_size_abs"),
    "softmax": _words("noloss"),
    "cost": _words("type scale ratio noobj thresh"),
    "maxpool": _words("maxpool_zero_nonmax"),
    "yolo": _words("""
        max jitter ignore_thresh truth_thresh random map show_details max_delta counters_per_class
        label_smooth_eps objectness_smooth iou_normalizer obj_normalizer cls_normalizer delta_normalizer
        iou_loss iou_thresh_kind beta_nms nms_kind resize focal_loss iou_thresh track_history_size sim_thresh
        dets_for_track dets_for_show track_ciou_norm embedding_layer
        """),
}

OFF: dict[str, dict[str, tuple[str, ...]]] = {
    "convolutional": dict.fromkeys(
        _words("""
        antialiasing assisted_excitation binary xnor bin_output sway rotate stretch stretch_sway deform reverse
        coordconv
        """),
        _ZERO,
    ),
    "maxpool": dict.fromkeys(("maxpool_depth", "antialiasing"), _ZERO) | {"out_channels": ("1",)},
    "shortcut": {
        "weights_type": ("none",),
        "weights_normalization": ("none",),
        "assisted_excitation": _ZERO,
        "alpha": ("1", "1.0"),
        "beta": ("1", "1.0"),
    },
    "softmax": {"groups": ("1",), "temperature": ("1", "1.0"), "spatial": _ZERO},
    "reorg": {"flatten": _ZERO, "extra": _ZERO},
}

ALIASES = {"conv": "convolutional", "max": "maxpool", "avg": "avgpool", "soft": "softmax", "network": "net"}
"""Short names that Darknet knows too."""

NOT_DONE = _words("""
    activation connected conn contrastive conv_lstm crnn crop deconv deconvolutional detection empty
    Gaussian_yolo gru history implicit instance iseg l2norm local local_avg local_avgpool logistic logxent lrn
    lstm normalization region reorg3d rnn silence
    """)
"""Sections that Darknet has and this project does not."""

ORIGINAL_KEYS: dict[str, frozenset[str]] = {
    "net": _words("""
        batch learning_rate momentum decay subdivisions time_steps notruth random adam B1 B2 eps height width
        channels inputs max_crop min_crop max_ratio min_ratio center clip angle aspect saturation exposure hue
        policy burn_in power step scale steps scales gamma max_batches
        """),
    "convolutional": _words(
        "filters size stride pad padding groups activation batch_normalize binary xnor flipped dot"
    ),
    "shortcut": _words("from activation alpha beta"),
    "route": _words("layers"),
    "upsample": _words("stride scale"),
    "maxpool": _words("size stride padding"),
    "dropout": _words("probability"),
    "reorg": _words("stride reverse flatten extra"),
    "softmax": _words("groups temperature tree spatial noloss"),
    "cost": _words("type scale ratio noobj thresh"),
    "yolo": _words("classes num mask max jitter ignore_thresh truth_thresh random map anchors"),
}
"""What the original Darknet reads; a file with other keys was written for the AlexeyAB branch."""

ORIGINAL_LAYER_KEYS = _words("""
    clip truth onlyforward stopbackward dontsave dontload numload dontloadscales learning_rate smooth
    """)
ORIGINAL_ACTIVATIONS = frozenset(("linear", "leaky", "logistic", "relu"))
