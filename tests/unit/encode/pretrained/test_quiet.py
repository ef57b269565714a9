import pytest
from transformers.utils import logging

from plait.encode.pretrained.quiet import quiet


@pytest.mark.parametrize("shown", [True, False])
def test_all_is_as_before_whatever_happens_inside(shown: bool) -> None:
    turn = logging.enable_progress_bar if shown else logging.disable_progress_bar
    turn()
    logging.set_verbosity_info()
    try:
        with pytest.raises(OSError, match="gone"), quiet():
            assert not logging.is_progress_bar_enabled()
            assert logging.get_verbosity() == logging.ERROR
            raise OSError("gone")
        assert logging.is_progress_bar_enabled() is shown
        assert logging.get_verbosity() == logging.INFO
    finally:
        logging.enable_progress_bar()
        logging.set_verbosity_warning()
