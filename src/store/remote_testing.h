// A remote store over a server in memory, for tests.
#pragma once

#include <memory>
#include <string>

#include "store/fake_s3.h"
#include "store/remote_store.h"
#include "store/s3_dialect.h"

namespace dreamdb {

struct Remote {
  std::shared_ptr<FakeS3> server;
  std::shared_ptr<RemoteStore> store;
};

// s3://BUCKET/data/pets on a new server, or on `server`; there is only "bucket" on it.
inline Remote remote(const FakeS3Quirks& quirks = {}, const std::string& bucket = "bucket",
                     std::shared_ptr<FakeS3> server = nullptr,
                     const std::string& prefix = "data/pets", Runtime& runtime = real_runtime()) {
  Remote made;
  made.server = server ? std::move(server) : std::make_shared<FakeS3>(quirks);
  S3DialectOptions options;
  options.bucket = bucket;
  options.prefix = prefix;
  options.region = "us-east-1";
  options.runtime = &runtime;
  options.credentials =
      std::make_shared<S3CredentialSource>([](const std::string& name) -> std::string {
        if (name == "AWS_ACCESS_KEY_ID") return "AK";
        return name == "AWS_SECRET_ACCESS_KEY" ? "SK" : "";
      });
  made.store = std::make_shared<RemoteStore>(std::make_unique<S3Dialect>(std::move(options)),
                                             made.server, "http://fake:80/" + bucket, runtime);
  return made;
}

}  // namespace dreamdb
