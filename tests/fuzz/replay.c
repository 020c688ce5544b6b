/*
 * Runs a target over files instead of mutations: those named on the command line, or, without
 * any, the target's seeds in the source tree. Every compiler builds it, so "make check" tries
 * whatever a fuzzer ever found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int replay_file(apr_pool_t *p, const char *name)
{
    apr_file_t *file;
    apr_finfo_t info;
    unsigned char *bytes;
    apr_size_t len;

    if (apr_file_open(&file, name, APR_READ | APR_BINARY, APR_OS_DEFAULT, p) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        fprintf(stderr, "%s cannot be read\n", name);
        return 0;
    }
    len = (apr_size_t)info.size;
    bytes = malloc(len ? len : 1);
    if (!bytes || (len && apr_file_read_full(file, bytes, len, &len) != APR_SUCCESS)) {
        fprintf(stderr, "%s cannot be read\n", name);
        free(bytes);
        return 0;
    }
    /* a crash says nothing of its input: the last name is the one */
    fprintf(stderr, "%s\n", name);
    (void)LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    apr_file_close(file);
    return 1;
}

static int replay_folder(apr_pool_t *p, const char *folder)
{
    apr_finfo_t info;
    apr_dir_t *dir;
    int count = 0;

    if (apr_dir_open(&dir, folder, p) != APR_SUCCESS) {
        fprintf(stderr, "%s cannot be read\n", folder);
        return 0;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
        if (info.filetype == APR_REG) {
            count += replay_file(p, apr_pstrcat(p, folder, "/", info.name, NULL));
        }
    }
    apr_dir_close(dir);
    return count;
}

static int replay_seeds(apr_pool_t *p, const char *program)
{
    const char *srcdir = getenv("srcdir");
    const char *name = strrchr(program, '/');

    return replay_folder(p, apr_pstrcat(p, srcdir ? srcdir : ".", "/tests/fuzz/seeds/",
                                        name ? name + 1 : program, NULL));
}

int main(int argc, char **argv)
{
    apr_pool_t *p;
    int count = 0;

    if (LLVMFuzzerInitialize(&argc, &argv) != 0 || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (argc == 1) {
        count = replay_seeds(p, argv[0]);
    }
    for (int i = 1; i < argc; i++) {
        count += replay_file(p, argv[i]);
    }
    apr_pool_destroy(p);
    fprintf(stderr, "%d inputs\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
