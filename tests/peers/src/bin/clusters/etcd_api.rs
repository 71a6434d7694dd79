//! As much of etcd's gRPC interface as is called, written down by hand: names and numbers of the
//! fields are those of its `rpc.proto` and `kv.proto`.

use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PutResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<ResponseHeader>,
}

/// One key, since there is no end of a range; linearizable, since it does not say otherwise.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    pub(crate) kvs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyValue {
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<ResponseHeader>,
    /// The member that leads; 0 if none does.
    #[prost(uint64, tag = "4")]
    pub(crate) leader: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResponseHeader {
    /// Who answers.
    #[prost(uint64, tag = "2")]
    pub(crate) member_id: u64,
}

/// A request that knows its method and its answer.
pub(crate) trait Method: Message + 'static {
    const PATH: &'static str;
    type Response: Message + Default + 'static;
}

impl Method for PutRequest {
    const PATH: &'static str = "/etcdserverpb.KV/Put";
    type Response = PutResponse;
}

impl Method for RangeRequest {
    const PATH: &'static str = "/etcdserverpb.KV/Range";
    type Response = RangeResponse;
}

impl Method for StatusRequest {
    const PATH: &'static str = "/etcdserverpb.Maintenance/Status";
    type Response = StatusResponse;
}

/// One call.
pub(crate) async fn call<M: Method>(
    grpc: &mut Grpc<Channel>,
    request: M,
) -> Result<M::Response, Status> {
    grpc.ready().await.map_err(|why| Status::unavailable(why.to_string()))?;
    let path = PathAndQuery::from_static(M::PATH);
    let codec = ProstCodec::<M, M::Response>::default();
    Ok(grpc.unary(Request::new(request), path, codec).await?.into_inner())
}
