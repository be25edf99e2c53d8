use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, stream};
use stoa_kernel::{Error, Result};
use stoa_rpc::Rows;
use tonic::{Code, Status};

use crate::batch;

/// A row that every transaction refuses.
const BAD: u32 = 13;
/// A row that may be accepted later.
const BUSY: u32 = 17;

/// The answers to rows, and the rows of each transaction that was tried.
async fn written(rows: &[u32]) -> (Result<Vec<String>>, Vec<Vec<u32>>) {
    let tried = Mutex::new(Vec::new());
    let transaction = async |rows: Vec<u32>| {
        tried.lock().unwrap().push(rows.clone());
        match rows.iter().find(|row| [BAD, BUSY].contains(row)) {
            Some(&BUSY) => Err(Error::unavailable("the store is down")),
            Some(_) => Err(Error::invalid("row", "is bad")),
            None => Ok(rows.iter().map(|row| format!("{row} taken")).collect()),
        }
    };
    let done = batch::write_rows(rows.to_vec(), transaction, |row, error| format!("{row} {}", error.reason())).await;
    (done, tried.into_inner().unwrap())
}

#[tokio::test]
async fn rows_share_a_transaction_until_one_breaks_it() {
    let (answers, tried) = written(&[1, 2, 3]).await;
    assert_eq!(answers.unwrap(), ["1 taken", "2 taken", "3 taken"]);
    assert_eq!(tried, [[1, 2, 3]]);

    let (answers, tried) = written(&[1, BAD, 3]).await;
    assert_eq!(answers.unwrap(), ["1 taken", "13 INVALID_FIELD", "3 taken"]);
    assert_eq!(tried, [vec![1, BAD, 3], vec![1], vec![BAD], vec![3]]);

    let (answers, tried) = written(&[BAD]).await;
    assert_eq!((answers.unwrap(), tried), (vec!["13 INVALID_FIELD".to_owned()], vec![vec![BAD]]), "it was already alone");
    assert_eq!(written(&[]).await.1, Vec::<Vec<u32>>::new());
}

#[tokio::test]
async fn a_failure_that_may_pass_is_not_an_answer() {
    let (answers, tried) = written(&[1, BUSY, 3]).await;
    assert_eq!(answers.unwrap_err().reason(), "UNAVAILABLE");
    assert_eq!(tried, [vec![1, BUSY, 3], vec![1], vec![BUSY]], "rows after it are not tried");
}

/// Answers to a stream in groups of two: each row with its position in the
/// stream. Also the number of groups that were taken.
async fn answered(rows: Vec<Result<u32, Status>>) -> (Vec<Result<(u32, u32), Code>>, usize) {
    static GROUPS: AtomicUsize = AtomicUsize::new(0);
    let before = GROUPS.load(Ordering::SeqCst);
    let answer = async |count: u32, rows: Vec<u32>| {
        GROUPS.fetch_add(1, Ordering::SeqCst);
        if rows.contains(&BUSY) {
            return Err(Error::unavailable("the store is down"));
        }
        let numbered: Vec<(u32, u32)> = rows.into_iter().zip(count + 1..).collect();
        Ok((count + u32::try_from(numbered.len()).unwrap(), numbered))
    };
    let answers = batch::answers(Rows::default(), stream::iter(rows), 2, 0, answer).map(|answer| answer.map_err(|status| status.code()));
    (answers.collect().await, GROUPS.load(Ordering::SeqCst) - before)
}

#[tokio::test]
async fn a_group_of_large_rows_is_smaller() {
    let rows = (0..9).map(|_| Ok::<_, Status>(vec![7_u8; batch::GROUP_BYTES_MAX / 3]));
    let answer = async |(), rows: Vec<Vec<u8>>| Ok(((), vec![rows.len()]));
    let groups: Vec<usize> = batch::answers(Rows::default(), stream::iter(rows), 100, (), answer).map(Result::unwrap).collect().await;
    assert_eq!(groups, [3, 3, 3]);
}

#[tokio::test]
async fn a_stream_is_answered_in_order_up_to_its_failure() {
    let rows = |rows: &[u32]| rows.iter().copied().map(Ok).collect::<Vec<Result<u32, Status>>>();
    let (answers, groups) = answered(rows(&[5, 6, 7, 8, 9])).await;
    assert_eq!(answers, [Ok((5, 1)), Ok((6, 2)), Ok((7, 3)), Ok((8, 4)), Ok((9, 5))]);
    assert_eq!(groups, 3);

    let broken = [rows(&[5, 6, 7]), vec![Err(Status::invalid_argument("row 4 cannot be read"))], rows(&[8])].concat();
    let (answers, _) = answered(broken).await;
    assert_eq!(answers, [Ok((5, 1)), Ok((6, 2)), Ok((7, 3)), Err(Code::InvalidArgument)]);

    let (answers, groups) = answered(rows(&[5, 6, BUSY, 7, 8])).await;
    assert_eq!(answers, [Ok((5, 1)), Ok((6, 2)), Err(Code::Unavailable)]);
    assert_eq!(groups, 2, "rows after the failure are not taken");
}
