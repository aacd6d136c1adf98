"""The residual layer: what a model leaves of the samples, coded so that no sample errs by more than a bound."""
