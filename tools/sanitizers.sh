# Builds of the module with a sanitizer in it, each in a folder of its own, and httpd with the
# sanitizer's library before it; for tools/check, tools/load and tools/soak. The caller has set
# `root`; `options` are those of tools/build-module afterwards.
# shellcheck shell=bash disable=SC2154

# httpd itself is as it was installed: the runtime library has to be there before it. What
# libraries keep until the process ends is none of our leaks.
use_address_sanitizer() {
    options=(CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
        --disable-hardening "${options[@]}")
    TINYAUTH_BUILD=$root/build/sanitize
    TINYAUTH_HTTPD_PRELOAD=$(gcc -print-file-name=libasan.so)
    export TINYAUTH_BUILD TINYAUTH_HTTPD_PRELOAD
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
}

# httpd, APR, OpenSSL and libcurl are as they were installed. Their locks are seen, for those are
# libc's; their memory accesses are not, but for what they have libc do (memcpy, say), which
# ignore_noninstrumented_modules leaves out: half of a story would be called a race. The one
# hand-over without a lock is annotated (recycled_pools.c). Nothing else is suppressed.
use_thread_sanitizer() {
    local folder=$root/build/threads
    local pools=$folder/recycled_pools.so
    options=(CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=thread" --disable-hardening
        "${options[@]}")
    mkdir -p "$folder"
    # shellcheck disable=SC2046
    gcc -shared -fPIC -O1 $(pkg-config --cflags apr-1) -o "$pools" \
        "$root/tests/e2e/load/recycled_pools.c"
    TINYAUTH_BUILD=$folder
    TINYAUTH_HTTPD_PRELOAD="$(gcc -print-file-name=libtsan.so) $pools"
    export TINYAUTH_BUILD TINYAUTH_HTTPD_PRELOAD
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1:history_size=4
}
