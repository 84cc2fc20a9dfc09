# The fuzzers are built by t/fuzz/run itself: they need clang.
EXTRA_DIST += t/fuzz/run t/fuzz/fuzz_text.c t/fuzz/fuzz_binary.c t/fuzz/fuzz_link.c t/fuzz/fuzz_udp.c t/fuzz/fuzz_options.c t/fuzz/fuzz_auth.c \
	t/fuzz/words.dict t/fuzz/corpus
