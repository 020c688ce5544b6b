# Tests that need nothing but the build dependencies: unit tests, one program per source file,
# and the guards over the tree. What needs a server or a browser is in tests/e2e; tools/check
# runs it.

AM_CPPFLAGS = $(core_cppflags) -I$(srcdir)/tests/unit $(CMOCKA_CFLAGS)
LDADD = libsupport.la libdoctor.la libtinyauth.la $(APR_LIBS) $(SSL_LIBS) $(CMOCKA_LIBS)

# --- what several tests share
check_LTLIBRARIES = libsupport.la
libsupport_la_SOURCES = \
    tests/unit/backchannel.c \
    tests/unit/backchannel.h \
    tests/unit/canned.c \
    tests/unit/canned.h \
    tests/unit/curl_scene.c \
    tests/unit/curl_scene.h \
    tests/unit/identity.c \
    tests/unit/identity.h \
    tests/unit/loopback.c \
    tests/unit/loopback.h \
    tests/unit/outside_scene.c \
    tests/unit/outside_scene.h \
    tests/unit/shared_scene.c \
    tests/unit/shared_scene.h \
    tests/unit/signer.c \
    tests/unit/signer.h \
    tests/unit/world.c \
    tests/unit/world.h \
    tests/unit/world_browser.c \
    tests/unit/world_provider.c \
    tests/unit/world_renew.c \
    tests/unit/world_renew.h

unit_programs = \
    tests/unit/test_accept \
    tests/unit/test_accept_forged \
    tests/unit/test_access \
    tests/unit/test_access_ask \
    tests/unit/test_administer \
    tests/unit/test_algorithm \
    tests/unit/test_asset \
    tests/unit/test_attempt \
    tests/unit/test_audit \
    tests/unit/test_authorization \
    tests/unit/test_backchannel \
    tests/unit/test_backchannel_forged \
    tests/unit/test_base64url \
    tests/unit/test_callback \
    tests/unit/test_checksum \
    tests/unit/test_claims \
    tests/unit/test_claims_groups \
    tests/unit/test_client_plan \
    tests/unit/test_cookie \
    tests/unit/test_counted \
    tests/unit/test_curl \
    tests/unit/test_curl_hostile \
    tests/unit/test_denied \
    tests/unit/test_discovery \
    tests/unit/test_end_session \
    tests/unit/test_endpoint \
    tests/unit/test_event \
    tests/unit/test_exchange \
    tests/unit/test_fault \
    tests/unit/test_flow_corners \
    tests/unit/test_filter \
    tests/unit/test_form \
    tests/unit/test_handover \
    tests/unit/test_frontchannel \
    tests/unit/test_header_value \
    tests/unit/test_host_session \
    tests/unit/test_id_token \
    tests/unit/test_json \
    tests/unit/test_json_refused \
    tests/unit/test_jwk \
    tests/unit/test_jws \
    tests/unit/test_jws_forged \
    tests/unit/test_key_set \
    tests/unit/test_language \
    tests/unit/test_layout \
    tests/unit/test_lifetime \
    tests/unit/test_log \
    tests/unit/test_login \
    tests/unit/test_logout \
    tests/unit/test_memcached \
    tests/unit/test_outside_stamps \
    tests/unit/test_outside_store \
    tests/unit/test_metrics \
    tests/unit/test_own_cookies \
    tests/unit/test_packed \
    tests/unit/test_packed_token \
    tests/unit/test_page \
    tests/unit/test_page_look \
    tests/unit/test_peer \
    tests/unit/test_preference \
    tests/unit/test_provider \
    tests/unit/test_recent \
    tests/unit/test_record \
    tests/unit/test_redis \
    tests/unit/test_renew \
    tests/unit/test_renew_identity \
    tests/unit/test_reply \
    tests/unit/test_request \
    tests/unit/test_return_address \
    tests/unit/test_samples \
    tests/unit/test_seal \
    tests/unit/test_secret \
    tests/unit/test_secret_file \
    tests/unit/test_session \
    tests/unit/test_session_list \
    tests/unit/test_shared_file \
    tests/unit/test_shared_race \
    tests/unit/test_shared_store \
    tests/unit/test_shared_table \
    tests/unit/test_site \
    tests/unit/test_stream \
    tests/unit/test_stream_tls \
    tests/unit/test_template \
    tests/unit/test_text \
    tests/unit/test_token \
    tests/unit/test_token_refresh \
    tests/unit/test_trust \
    tests/unit/test_url \
    tests/unit/test_userinfo \
    tests/unit/test_utf8
check_PROGRAMS = $(unit_programs)

# --- takes 5 GB of memory and a minute, so it is not part of "make check"
EXTRA_PROGRAMS = tests/unit/million
CLEANFILES += tests/unit/million
check-million: tests/unit/million
	tests/unit/million
.PHONY: check-million

script_tests = \
    tests/lint/authenticate.test.sh \
    tests/lint/banned.test.sh \
    tests/lint/directives.test.sh \
    tests/lint/doc_comments.test.sh \
    tests/lint/exports.test.sh \
    tests/lint/format.test.sh \
    tests/lint/layers.test.sh \
    tests/lint/man.test.sh \
    tests/lint/messages.test.sh \
    tests/lint/names.test.sh \
    tests/lint/security.test.sh \
    tests/lint/size.test.sh \
    tests/lint/tools.test.sh \
    tests/lint/translations.test.sh \
    tests/lint/version.test.sh

# --- fuzz targets: with libFuzzer where tools/fuzz configures it, else over their seeds
check_LTLIBRARIES += libfuzz.la libreplay.la
libfuzz_la_SOURCES = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
libreplay_la_SOURCES = tests/fuzz/replay.c
if LIBFUZZER
fuzz_engine = $(LIB_FUZZING_ENGINE)
else
fuzz_engine = libreplay.la
endif
fuzz_programs = \
    tests/fuzz/fuzz_administer \
    tests/fuzz/fuzz_cookie \
    tests/fuzz/fuzz_discovery \
    tests/fuzz/fuzz_filter \
    tests/fuzz/fuzz_form \
    tests/fuzz/fuzz_json \
    tests/fuzz/fuzz_jwt \
    tests/fuzz/fuzz_key_set \
    tests/fuzz/fuzz_logout_token \
    tests/fuzz/fuzz_memcached \
    tests/fuzz/fuzz_outside_store \
    tests/fuzz/fuzz_preference \
    tests/fuzz/fuzz_record \
    tests/fuzz/fuzz_redis \
    tests/fuzz/fuzz_request \
    tests/fuzz/fuzz_return_address \
    tests/fuzz/fuzz_sealed \
    tests/fuzz/fuzz_session_list \
    tests/fuzz/fuzz_settings \
    tests/fuzz/fuzz_shared_file \
    tests/fuzz/fuzz_store_address \
    tests/fuzz/fuzz_template \
    tests/fuzz/fuzz_token_answer \
    tests/fuzz/fuzz_url \
    tests/fuzz/fuzz_userinfo
check_PROGRAMS += $(fuzz_programs)
fuzz_ldadd = $(fuzz_engine) libfuzz.la $(LDADD)
tests_fuzz_fuzz_administer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_cookie_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_discovery_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_filter_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_form_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_json_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_jwt_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_key_set_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_logout_token_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_memcached_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_outside_store_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_preference_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_record_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_redis_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_request_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_return_address_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_sealed_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_session_list_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_settings_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shared_file_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_store_address_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_template_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_token_answer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_url_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_userinfo_LDADD = $(fuzz_ldadd)
# these get a server's answers out of the input, without a network
fed_stream = tests/fuzz/fed_stream.c tests/fuzz/fed_stream.h
tests_fuzz_fuzz_memcached_SOURCES = tests/fuzz/fuzz_memcached.c $(fed_stream)
tests_fuzz_fuzz_redis_SOURCES = tests/fuzz/fuzz_redis.c $(fed_stream)
# the readers of settings lie in src/httpd, so these see httpd's headers
tests_fuzz_fuzz_settings_SOURCES = tests/fuzz/fuzz_settings.c tests/fuzz/httpd_functions.c \
    src/httpd/config.c src/httpd/environment.c src/httpd/look_files.c \
    src/httpd/provider_settings.c src/httpd/site_settings.c src/httpd/values.c
tests_fuzz_fuzz_settings_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CPPFLAGS)
tests_fuzz_fuzz_store_address_SOURCES = tests/fuzz/fuzz_store_address.c \
    tests/fuzz/httpd_functions.c src/httpd/store_address.c src/httpd/values.c
tests_fuzz_fuzz_store_address_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CPPFLAGS)

TESTS = $(unit_programs) $(fuzz_programs) $(script_tests)
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = TINYAUTH_SO='$(abs_builddir)/.libs/mod_tinyauth.so'; export TINYAUTH_SO;

# --- measurements; nothing of "make check"
EXTRA_PROGRAMS += tests/bench/fill_store
EXTRA_DIST += tests/bench/run.mjs tests/bench/scenes.mjs tests/bench/servers.mjs \
    tests/bench/callgrind.mjs tests/bench/load.mjs tests/bench/sessions_page.mjs \
    tests/bench/table.mjs
