/** The key of {@link cert}. */
export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3jqSEQbbYXWy17j9
qdlLwM0zKxstNYUrKi5OKLgyTRehRANCAASElR9qHbAPWC4MI3lVAQah1mwNeC3A
cD35KOaQU3IfhinfoGNcfGnWh1MpH+SE4XwXN9R3g6XkI+BtsjLdQhjh
-----END PRIVATE KEY-----`;
/** A certificate for the name `localhost`, in PEM. Made for the tests, valid for a hundred years, trusted by nobody. */
export const cert = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUd2WNsw2prkgz9+LBxfdKVAQDCicwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE1MTAwN1oYDzIxMjYxMDMw
MTUxMDA3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASElR9qHbAPWC4MI3lVAQah1mwNeC3AcD35KOaQU3IfhinfoGNcfGnW
h1MpH+SE4XwXN9R3g6XkI+BtsjLdQhjho2kwZzAdBgNVHQ4EFgQURDK+ekD38Fqz
2MpMFovSyHGrpmIwHwYDVR0jBBgwFoAURDK+ekD38Fqz2MpMFovSyHGrpmIwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAPsFu0pvHOi5nVulOtzDJCC0QNNIeiRvhoBfzJ3a5qzKAiAaqZqtg4jI
Baf/ejL2VOtdhX01ImnsuGHPm4JGXrhRhg==
-----END CERTIFICATE-----`;
