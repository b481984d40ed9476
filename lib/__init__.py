"""The code behind the notebooks: data, CIELAB, models, training, measures, figures, report."""

import os

# TensorFlow otherwise prints its hardware notes into every notebook.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
