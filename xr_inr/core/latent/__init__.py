"""The latent model: entropy-coded wavelet latents and a sinusoidal network conditioned on them.

A scene is ``mean + step * basis @ planes``. Each plane is the inverse wavelet transform of integer latents, plus what a
small sinusoidal network says of the later planes given the first ones.
"""
