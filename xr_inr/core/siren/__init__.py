"""The paper's model: one sinusoidal coordinate network per scene, whose weights are the file.

Rezasoltani and Qureshi, 'Hyperspectral Image Compression Using Implicit Neural Representation', arXiv 2302.04129.
"""
