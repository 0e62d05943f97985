"""The environment of a process that forks: a fork keeps no threads, so libraries may start none."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ALONE = dict.fromkeys(THREADS, "1") | {
    "TOKENIZERS_PARALLELISM": "false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # of pyarrow, which others import
}
